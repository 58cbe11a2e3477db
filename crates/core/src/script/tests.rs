//! Splitting and classifying, by example, by chance, and against real histories.

mod corpus;
