//! The fleet, as each kind of source finds it.

mod files;
mod found;
mod servers;
