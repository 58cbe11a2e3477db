//! Poolers, which give each transaction another server connection, and our lock to whoever comes next.

use crate::bench::{Bench, open, target};
use greylag_core::outcome::FailureClass;
use greylag_engines::{EngineError, OpenError, open as try_open};
use std::{path::PathBuf, process::Stdio};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
};

/// As a pooler does, this names the client's connection itself: the server's name of it would mean nothing for long.
async fn renaming(port: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            tokio::spawn(relay(client, server));
        }
    });
    own
}

async fn relay(client: TcpStream, server: TcpStream) -> std::io::Result<()> {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    tokio::spawn(async move { copy(&mut from_client, &mut to_server).await });
    loop {
        let mut head = [0; 5];
        from_server.read_exact(&mut head).await?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize - 4;
        let mut body = vec![0; length];
        from_server.read_exact(&mut body).await?;
        if head[0] == b'K' {
            body[..4].copy_from_slice(&7_i32.to_be_bytes());
        }
        to_client.write_all(&head).await?;
        to_client.write_all(&body).await?;
    }
}

fn refused(error: EngineError) {
    let EngineError::Server {
        class,
        message,
        hint,
        ..
    } = error
    else {
        panic!("{error:?}");
    };
    assert_eq!(class, FailureClass::Refused);
    assert!(message.contains("pooler"), "{message}");
    assert!(hint.unwrap().contains("the server itself"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_not_the_servers_own_is_refused_before_any_lock() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let port = renaming(bench.server.port()).await;
    let url = bench
        .server
        .url_through(port, "greylag", &bench.database.name);
    let target = target(&format!("{url}?sslmode=disable"));
    refused(open(&target).await.survey().await.unwrap_err());
    refused(open(&target).await.try_lock().await.unwrap_err());
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' \
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    assert_eq!(bench.value(locks).await, "0");
}

/// A real PgBouncer, where `GREYLAG_PGBOUNCER` names one.
struct Bouncer {
    port: u16,
    _folder: tempfile::TempDir,
    _child: tokio::process::Child,
}

async fn bouncer(bench: &Bench, more: &str) -> Option<Bouncer> {
    let Some(program) = std::env::var_os("GREYLAG_PGBOUNCER").map(PathBuf::from) else {
        eprintln!("\n##### SKIPPED: no PgBouncer: GREYLAG_PGBOUNCER names none\n");
        return None;
    };
    let folder = tempfile::tempdir().unwrap();
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let settings = format!(
        "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr=127.0.0.1\nlisten_port={port}\n\
         unix_socket_dir=\nauth_type=plain\nauth_file={}/users\npool_mode=transaction\n{more}\n",
        bench.server.port(),
        folder.path().display()
    );
    std::fs::write(folder.path().join("ini"), settings).unwrap();
    std::fs::write(folder.path().join("users"), "\"greylag\" \"greylag\"\n").unwrap();
    let child = tokio::process::Command::new(program)
        .args(["-q", "-u", "nobody"])
        .arg(folder.path().join("ini"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.path(), readable).unwrap();
    crate::bench::until("PgBouncer listens", async || {
        TcpStream::connect(("127.0.0.1", port)).await.is_ok()
    })
    .await;
    Some(Bouncer {
        port,
        _folder: folder,
        _child: child,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_pgbouncer_is_refused_whether_or_not_it_lets_our_options_pass() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let Some(strict) = bouncer(&bench, "").await else {
        return;
    };
    let url = |port| {
        bench
            .server
            .url_through(port, "greylag", &bench.database.name)
    };
    let Err(error) = try_open(&target(&url(strict.port))).await else {
        panic!("its startup options are refused");
    };
    assert!(matches!(error, OpenError::Pooler { .. }), "{error:?}");
    let Some(lax) = bouncer(&bench, "ignore_startup_parameters=options").await else {
        return;
    };
    refused(
        open(&target(&url(lax.port)))
            .await
            .try_lock()
            .await
            .unwrap_err(),
    );
}
