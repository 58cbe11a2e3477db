//! A server is asked for what all its databases have in common once, and is known again only while it is the same.

use crate::bench::{Bench, open, target};
use greylag_core::survey::Server as Seen;
use greylag_lab::{Engine, Options, Server};
use std::sync::{
    Arc,
    atomic::{AtomicU16, Ordering},
};
use tokio::net::{TcpListener, TcpStream};

const STARTED: &str = "SELECT extract(epoch FROM pg_postmaster_start_time())";

/// A port that leads to one server now and to another one later, as a name or a tunnel may.
async fn forward(to: Arc<AtomicU16>) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let to = to.load(Ordering::SeqCst);
            tokio::spawn(async move {
                let mut server = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    port
}

async fn look(url: &str) -> Seen {
    let mut session = open(&target(url)).await;
    let seen = session.survey().await.unwrap();
    session.close().await;
    seen.server
}

#[tokio::test]
async fn another_server_at_the_same_place_is_not_taken_for_the_one_before() {
    if !greylag_lab::available(Engine::Postgres) {
        return;
    }
    let first = Server::start(Engine::Postgres, Options::default())
        .await
        .unwrap();
    let second = Server::start(Engine::Postgres, Options::default())
        .await
        .unwrap();
    let leads_to = Arc::new(AtomicU16::new(first.port()));
    let port = forward(leads_to.clone()).await;
    let url = first.url_through(port, "greylag", "postgres");
    let before = look(&url).await;
    let again = look(&url).await;
    assert_eq!(before.lineage, again.lineage);
    assert_eq!(before.address, again.address);
    leads_to.store(second.port(), Ordering::SeqCst);
    let other = look(&url).await;
    let told = "SELECT system_identifier FROM pg_control_system()";
    let told = second.value("postgres", told).await.unwrap();
    assert_eq!(Some(&other.lineage), told.as_ref());
    assert_ne!(other.lineage, before.lineage);
    assert_ne!(other.address, before.address);
    assert_eq!(
        other.instance,
        second.value("postgres", STARTED).await.unwrap()
    );
}

#[tokio::test]
async fn a_server_that_was_started_again_is_another_instance_of_the_same_lineage() {
    if !greylag_lab::available(Engine::Postgres) {
        return;
    }
    let server = Server::start(Engine::Postgres, Options::default())
        .await
        .unwrap();
    let database = server.database("again").await.unwrap();
    let before = look(&database.url).await;
    server.restart().await.unwrap();
    let after = look(&database.url).await;
    assert_eq!(after.lineage, before.lineage);
    assert_ne!(after.instance, before.instance);
    assert_eq!(
        after.instance,
        server.value("postgres", STARTED).await.unwrap()
    );
}

#[tokio::test]
async fn a_servers_start_is_the_same_moment_in_every_style_and_zone() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let told = bench.value(STARTED).await;
    for (style, zone) in [
        ("ISO, MDY", "UTC"),
        ("ISO, DMY", "Asia/Kolkata"),
        ("ISO, MDY", "America/St_Johns"),
        ("German, DMY", "Europe/Berlin"),
        ("SQL, DMY", "Asia/Kolkata"),
        ("Postgres, MDY", "America/New_York"),
    ] {
        let name = &bench.database.name;
        bench
            .admin(&format!(
                "ALTER DATABASE {name} SET datestyle = '{style}'; ALTER DATABASE {name} SET timezone = '{zone}'"
            ))
            .await;
        // Whether it is known already or not.
        for _ in 0..2 {
            let seen = look(&bench.database.url).await;
            assert_eq!(seen.instance.as_ref(), Some(&told), "{style}, {zone}");
            assert!(!seen.lineage.is_empty());
        }
    }
}
