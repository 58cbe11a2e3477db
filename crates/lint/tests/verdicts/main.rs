//! What the lint says of odd migrations, against what a real server does with them.

mod postgres;
#[path = "../servers/mod.rs"]
mod servers;
