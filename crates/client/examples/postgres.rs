//! Reads one's own writes on a PostgreSQL primary with two standbys, one of which is paused half-way.
//!
//! `cargo run -p greylag-client --example postgres` starts servers of its own (PostgreSQL must be installed) and ends them.

use greylag_client::{Answer, Tracker, Written, postgres};
use greylag_lab::{Cluster, Engine};
use std::{collections::BTreeMap, error::Error, time::Instant};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// An application's connections to the nodes of one shard.
type Nodes = BTreeMap<&'static str, Client>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::start(Engine::Postgres, 2).await?;
    let database = cluster.database("shop").await?.name;
    let servers = [
        ("db-1", cluster.primary()),
        ("db-2", cluster.replica(0)),
        ("db-3", cluster.replica(1)),
    ];
    let mut nodes = Nodes::new();
    for (name, server) in servers {
        nodes.insert(name, connect(&server.url(&database)).await?);
    }
    let mut tracker = Tracker::new(nodes.keys().copied());
    nodes["db-1"]
        .batch_execute("CREATE TABLE notes (text text)")
        .await?;
    cluster.wait_replayed().await?;

    let cookie = save(&nodes["db-1"], "first").await?;
    cluster.wait_replayed().await?;
    look(&nodes, &mut tracker).await?;
    show(&nodes, &tracker, &cookie).await?;
    show(&nodes, &tracker, &cookie).await?;

    cluster.pause_replay(0).await?;
    println!("db-2 is paused");
    let cookie = save(&nodes["db-1"], "second").await?;
    for _ in 0..3 {
        look(&nodes, &mut tracker).await?;
        show(&nodes, &tracker, &cookie).await?;
    }

    cluster.pause_replay(1).await?;
    println!("db-3 is paused, too");
    let cookie = save(&nodes["db-1"], "third").await?;
    look(&nodes, &mut tracker).await?;
    show(&nodes, &tracker, &cookie).await
}

/// A request that writes. The position comes in the same message as the commit; the cookie goes to the browser.
async fn save(primary: &Client, text: &str) -> Result<String, Box<dyn Error>> {
    let message = format!(
        "BEGIN; INSERT INTO notes VALUES ('{text}'); COMMIT; {}",
        postgres::AFTER_WRITE
    );
    let mut written = Written::default();
    for answer in primary.simple_query(&message).await? {
        if let SimpleQueryMessage::Row(row) = answer {
            written.note("shop", row.get(0).ok_or("no position")?.parse()?);
        }
    }
    println!("wrote {text:?}; the cookie is {written}");
    Ok(written.to_string())
}

/// The next request, which shows what was written.
async fn show(nodes: &Nodes, tracker: &Tracker, cookie: &str) -> Result<(), Box<dyn Error>> {
    let written: Written = cookie.parse()?;
    let choice = tracker.choose(written.at("shop"), Instant::now())?;
    let rows = nodes[choice.node]
        .query("SELECT text FROM notes", &[])
        .await?;
    let texts: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    println!(
        "read from {}: {texts:?} ({:?})",
        choice.node, choice.because
    );
    Ok(())
}

/// What an application does in the background, once a second.
async fn look(nodes: &Nodes, tracker: &mut Tracker) -> Result<(), Box<dyn Error>> {
    for (name, client) in nodes {
        let asked = Instant::now();
        match client.query_one(postgres::LOOK, &[]).await {
            Ok(row) => tracker.answered(name, asked, Answer::read(row.get(0), row.get(1))?),
            Err(_) => tracker.silent(name, asked),
        }
    }
    Ok(())
}

async fn connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}
