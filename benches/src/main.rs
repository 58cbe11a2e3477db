//! `fleet`: what an apply over a whole fleet costs, beside a floor and beside what people use instead.
//!
//! All peers run interleaved in one process's lifetime, each as a child of its own, so that wall, CPU and memory are
//! measured alike. Prints ratios to the floor; asserts nothing.

mod engine;
mod floor;
mod measure;
mod migrations;
mod peers;
mod postgres;
mod report;
mod sqlite;
mod watch;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "fleet",
    about = "Measures an apply over a fleet against a floor in the same run"
)]
struct Cli {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// PostgreSQL databases on one server of the lab
    Postgres(postgres::Args),
    /// SQLite files
    Sqlite(sqlite::Args),
    /// Watching nodes of PostgreSQL, each once a second
    Watch(watch::Args),
    /// The floor of watching, run as a child
    #[command(hide = true)]
    WatchFloor(watch::FloorArgs),
    /// A floor, run as a child by the others
    #[command(hide = true)]
    Floor(floor::Args),
}

fn main() {
    match Cli::parse().what {
        What::Postgres(args) => postgres::run(&args),
        What::Sqlite(args) => sqlite::run(&args),
        What::Watch(args) => watch::run(&args),
        What::WatchFloor(args) => watch::run_floor(&args),
        What::Floor(args) => floor::run(&args),
    }
}
