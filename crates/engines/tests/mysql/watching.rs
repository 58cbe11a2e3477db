//! What a look at a node sees, healthy and hurt.

mod blocked;
mod company;
mod cut;
mod files;
mod healthy;
mod load;
mod lost;
mod rights;
mod scene;
mod stopped;
mod trips;
