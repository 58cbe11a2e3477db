//! Reads one's own writes on a MySQL or MariaDB primary with two replicas, one of which is paused half-way.
//!
//! `cargo run -p greylag-client --example mysql` (or `… --example mysql mariadb`) starts servers of its own, if they are
//! installed, and ends them.

use greylag_client::{Answer, Tracker, Written, mariadb, mysql};
use greylag_lab::{Cluster, Engine};
use mysql_async::{Conn, Opts, prelude::Queryable};
use std::{collections::BTreeMap, error::Error, time::Instant};

/// An application's connections to the nodes of one shard.
type Nodes = BTreeMap<&'static str, Conn>;

/// The two statements that the servers are asked.
#[derive(Clone, Copy)]
struct Dialect {
    after_write: &'static str,
    look: &'static str,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (engine, dialect) = match std::env::args().nth(1).as_deref() {
        Some("mariadb") => (
            Engine::MariaDb,
            Dialect {
                after_write: mariadb::AFTER_WRITE,
                look: mariadb::LOOK,
            },
        ),
        _ => (
            Engine::MySql,
            Dialect {
                after_write: mysql::AFTER_WRITE,
                look: mysql::LOOK,
            },
        ),
    };
    let cluster = Cluster::start(engine, 2).await?;
    let database = cluster.database("shop").await?.name;
    let servers = [
        ("db-1", cluster.primary()),
        ("db-2", cluster.replica(0)),
        ("db-3", cluster.replica(1)),
    ];
    let mut nodes = Nodes::new();
    for (name, server) in servers {
        // The driver knows one scheme for both.
        let url = server.url(&database).replacen("mariadb://", "mysql://", 1);
        nodes.insert(name, Conn::new(Opts::from_url(&url)?).await?);
    }
    let mut tracker = Tracker::new(nodes.keys().copied());
    primary(&mut nodes)?
        .query_drop("CREATE TABLE notes (text varchar(100))")
        .await?;
    cluster.wait_replayed().await?;

    let cookie = save(primary(&mut nodes)?, dialect, "first").await?;
    cluster.wait_replayed().await?;
    look(&mut nodes, dialect, &mut tracker).await?;
    show(&mut nodes, &tracker, &cookie).await?;
    show(&mut nodes, &tracker, &cookie).await?;

    cluster.pause_replay(0).await?;
    println!("db-2 is paused");
    let cookie = save(primary(&mut nodes)?, dialect, "second").await?;
    for _ in 0..3 {
        look(&mut nodes, dialect, &mut tracker).await?;
        show(&mut nodes, &tracker, &cookie).await?;
    }

    cluster.pause_replay(1).await?;
    println!("db-3 is paused, too");
    let cookie = save(primary(&mut nodes)?, dialect, "third").await?;
    look(&mut nodes, dialect, &mut tracker).await?;
    show(&mut nodes, &tracker, &cookie).await
}

/// A request that writes. Its position is asked for on the same connection; the cookie goes to the browser.
async fn save(primary: &mut Conn, dialect: Dialect, text: &str) -> Result<String, Box<dyn Error>> {
    let insert = format!("INSERT INTO notes VALUES ('{text}')");
    primary.query_drop(insert).await?;
    let position: Option<Option<String>> = primary.query_first(dialect.after_write).await?;
    let mut written = Written::default();
    written.note("shop", position.flatten().ok_or("no position")?.parse()?);
    println!("wrote {text:?}; the cookie is {written}");
    Ok(written.to_string())
}

/// The next request, which shows what was written.
async fn show(nodes: &mut Nodes, tracker: &Tracker, cookie: &str) -> Result<(), Box<dyn Error>> {
    let written: Written = cookie.parse()?;
    let choice = tracker.choose(written.at("shop"), Instant::now())?;
    let chosen = nodes.get_mut(choice.node).ok_or("an unknown node")?;
    let texts: Vec<String> = chosen.query("SELECT text FROM notes").await?;
    println!(
        "read from {}: {texts:?} ({:?})",
        choice.node, choice.because
    );
    Ok(())
}

/// What an application does in the background, once a second.
async fn look(
    nodes: &mut Nodes,
    dialect: Dialect,
    tracker: &mut Tracker,
) -> Result<(), Box<dyn Error>> {
    for (name, link) in nodes {
        let asked = Instant::now();
        match link.query_first(dialect.look).await {
            Ok(Some((role, position))) => {
                let (role, position): (String, Option<String>) = (role, position);
                tracker.answered(name, asked, Answer::read(&role, position.as_deref())?);
            }
            Ok(None) | Err(_) => tracker.silent(name, asked),
        }
    }
    Ok(())
}

fn primary(nodes: &mut Nodes) -> Result<&mut Conn, &'static str> {
    nodes.get_mut("db-1").ok_or("there is no db-1")
}
