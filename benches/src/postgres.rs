//! PostgreSQL: many databases on one server of the lab, fresh ones for each peer and round.

use crate::{
    floor::Kind,
    measure::{Cost, measure},
    migrations,
    peers::{self, Peer, Project},
    report::{self, Series},
};
use clap::Parser;
use futures::{StreamExt, stream};
use greylag_lab::{Engine, Options, Proxy, Server};
use std::{fs, time::Duration};

#[derive(Parser)]
pub struct Args {
    #[arg(long, default_value_t = 200)]
    shards: usize,
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Put a proxy with this much latency, in milliseconds there and back, before the server
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
    /// Leave the slow peers (psql, dbmate, sqlx) out
    #[arg(long)]
    floor_only: bool,
    /// The binary to measure
    #[arg(long, default_value = "target/release/greylag")]
    greylag: std::path::PathBuf,
}

pub fn run(args: &Args) {
    tokio::runtime::Runtime::new()
        .expect("a runtime")
        .block_on(run_async(args));
}

async fn run_async(args: &Args) {
    let options = Options::default()
        .set("max_connections", "300")
        .set("shared_buffers", "512MB")
        .set("max_wal_size", "4GB")
        .set("jit", "off");
    let server = Server::start(Engine::Postgres, options)
        .await
        .expect("a PostgreSQL of the lab");
    let proxy = if args.latency_ms > 0 {
        let proxy = Proxy::start(server.port()).await.expect("a proxy");
        proxy.set_latency(Duration::from_millis(args.latency_ms));
        Some(proxy)
    } else {
        None
    };
    let pid = server.process().expect("a running server").pid;
    let files = migrations::files(true);

    let greylag = args
        .greylag
        .canonicalize()
        .expect("the greylag binary: cargo build --release");
    let mut all: Vec<Peer> = vec![
        Peer::floor("one pass", Kind::OnePass),
        Peer::floor("two passes", Kind::TwoPasses),
        Peer::greylag(greylag),
    ];
    if !args.floor_only {
        all.extend(peers::others());
    }
    let mut applied: Vec<Series> = all.iter().map(|peer| Series::new(peer.name)).collect();
    let mut idle: Vec<Series> = Vec::new();
    idle.push(Series::new("connect + query"));
    idle.extend(
        all.iter()
            .filter(|peer| !peer.is_floor())
            .map(|peer| Series::new(peer.name)),
    );

    for round in 0..args.rounds {
        eprintln!("round {} of {}", round + 1, args.rounds);
        // A rotated order, so that no peer always runs after the same one.
        for at in 0..all.len() {
            let at = (at + round) % all.len();
            let peer = &all[at];
            let urls = databases(
                &server,
                &format!("r{round}p{at}"),
                args.shards,
                proxy.as_ref().map(|p| p.port()),
            )
            .await;
            let folder = tempfile::tempdir().expect("a folder");
            let project = Project::write(folder.path(), &files, &urls);
            server
                .execute("postgres", "CHECKPOINT")
                .await
                .expect("a checkpoint");
            let cost = child(peer, &project, false, pid).await;
            eprintln!(
                "  {:<16} {:>7.2} s  {:>6.1} ms CPU/shard  foreign {:.2}",
                peer.name,
                cost.wall.as_secs_f64(),
                cost.cpu().as_secs_f64() * 1000.0 / args.shards as f64,
                cost.foreign
            );
            applied[at].costs.push(cost);
            check(&server, urls.last().expect("a shard")).await;
            if peer.is_floor() {
                if peer.name == "one pass" {
                    let look = Peer::floor("connect + query", Kind::Look);
                    let cost = child(&look, &project, true, pid).await;
                    idle[0].costs.push(cost);
                }
            } else {
                let cost = child(peer, &project, true, pid).await;
                idle.iter_mut()
                    .find(|series| series.name == peer.name)
                    .expect("its series")
                    .costs
                    .push(cost);
            }
            drop_all(&server, &urls).await;
        }
    }
    report::print(
        &format!(
            "Apply: {} PostgreSQL databases × {} migrations, latency {} ms",
            args.shards,
            files.len(),
            args.latency_ms
        ),
        args.shards,
        &applied,
        &["two passes", "one pass"],
    );
    report::print("Nothing to do", args.shards, &idle, &["connect + query"]);
}

/// Runs a peer off the runtime's threads: it waits for a child.
async fn child(peer: &Peer, project: &Project, again: bool, pid: i32) -> Cost {
    let command = peer.command(project, again);
    tokio::task::spawn_blocking(move || measure(command, Some(pid)))
        .await
        .expect("a measurement")
}

async fn databases(server: &Server, prefix: &str, count: usize, port: Option<u16>) -> Vec<String> {
    stream::iter(0..count)
        .map(|at| async move {
            let name = format!("{prefix}s{at:04}");
            server
                .execute(
                    "postgres",
                    &format!(
                        "CREATE DATABASE {name} OWNER greylag TEMPLATE template0 STRATEGY FILE_COPY"
                    ),
                )
                .await
                .expect("a database");
            server
                .execute(&name, "ALTER SCHEMA public OWNER TO greylag")
                .await
                .expect("an owner");
            let url = match port {
                Some(port) => server.url_through(port, "greylag", &name),
                None => server.url(&name),
            };
            // The floors speak no TLS; the others would ask the server for it first.
            format!("{url}?sslmode=disable")
        })
        .buffered(4)
        .collect()
        .await
}

async fn drop_all(server: &Server, urls: &[String]) {
    for url in urls {
        let name = name(url);
        server
            .execute("postgres", &format!("DROP DATABASE {name} WITH (FORCE)"))
            .await
            .expect("a drop");
    }
}

/// The last shard has everything, whoever applied it.
async fn check(server: &Server, url: &str) {
    let name = name(url);
    let columns = server
        .value(name, "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'public' AND table_name IN ('accounts','orders','items','payments','countries','shipments','order_totals')")
        .await
        .expect("a count");
    assert_eq!(columns.as_deref(), Some("28"), "{name} lacks something");
}

/// Writes the list of shards that floors read.
pub fn list(folder: &std::path::Path, urls: &[String]) -> std::path::PathBuf {
    let path = folder.join("shards.txt");
    fs::write(&path, urls.join("\n")).expect("the list of shards");
    path
}

/// The database of a URL.
fn name(url: &str) -> &str {
    let last = url.rsplit('/').next().unwrap_or_default();
    last.split('?').next().unwrap_or_default()
}
