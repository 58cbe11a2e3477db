//! SQLite: many files.

use crate::{
    floor::Kind,
    measure::measure,
    migrations,
    peers::{Peer, Project},
    report::{self, Series},
};
use clap::Parser;

#[derive(Parser)]
pub struct Args {
    #[arg(long, default_value_t = 1000)]
    shards: usize,
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// The binary to measure
    #[arg(long, default_value = "target/release/greylag")]
    greylag: std::path::PathBuf,
}

pub fn run(args: &Args) {
    let files = migrations::files(false);
    let mut all = vec![
        Peer::floor("one tx each", Kind::Sqlite),
        Peer::floor("sessions", Kind::SqliteSession),
    ];
    match args.greylag.canonicalize() {
        Ok(greylag) => all.push(Peer::greylag(greylag)),
        Err(_) => eprintln!("greylag is left out: cargo build --release"),
    }
    let mut applied: Vec<Series> = all.iter().map(|peer| Series::new(peer.name)).collect();
    let mut idle: Vec<Series> = ["open + query", "sessions", "greylag"]
        .iter()
        .take(all.len())
        .map(|name| Series::new(name))
        .collect();
    for round in 0..args.rounds {
        eprintln!("round {} of {}", round + 1, args.rounds);
        for at in 0..all.len() {
            let at = (at + round) % all.len();
            // In the target folder, on a real file system: a temporary one may be memory.
            let folder = tempfile::tempdir_in("target").expect("a folder");
            let paths: Vec<String> = (0..args.shards)
                .map(|n| {
                    folder
                        .path()
                        .canonicalize()
                        .expect("it is there")
                        .join(format!("s{n:04}.db"))
                        .display()
                        .to_string()
                })
                .collect();
            for path in &paths {
                let file = rusqlite::Connection::open(path).expect("an SQLite file");
                file.execute_batch("CREATE TABLE seed (id integer); DROP TABLE seed;")
                    .expect("a file");
            }
            let urls: Vec<String> = paths.iter().map(|path| format!("sqlite:{path}")).collect();
            let project = Project::write(
                folder.path(),
                &files,
                if all[at].is_floor() { &paths } else { &urls },
            );
            let cost = measure(all[at].command(&project, false), None);
            eprintln!("  {:<16} {:>7.2} s", all[at].name, cost.wall.as_secs_f64());
            applied[at].costs.push(cost);
            let again = match at {
                0 => Peer::floor("open + query", Kind::SqliteLook).command(&project, true),
                1 => Peer::floor("sessions", Kind::SqliteSurvey).command(&project, true),
                _ => all[at].command(&project, true),
            };
            idle[at].costs.push(measure(again, None));
        }
    }
    report::print(
        &format!(
            "Apply: {} SQLite files × {} migrations",
            args.shards,
            files.len()
        ),
        args.shards,
        &applied,
        &["one tx each"],
    );
    report::print("Nothing to do", args.shards, &idle, &["open + query"]);
}
