//! The proxy, before an echo and before a real server.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use greylag_lab::{Direction, Engine, Proxy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A server that sends back what it gets.
async fn echo() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
                let _ = to.shutdown().await;
            });
        }
    });
    port
}

async fn through(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(("127.0.0.1", proxy.port()))
        .await
        .unwrap()
}

async fn ask(stream: &mut TcpStream, text: &[u8]) -> std::io::Result<Vec<u8>> {
    stream.write_all(text).await?;
    let mut answer = vec![0; text.len()];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn bytes_come_through_whole_and_in_order_also_with_latency() {
    let proxy = Proxy::start(echo().await).await.unwrap();
    proxy.set_latency(Duration::from_millis(20));
    let mut stream = through(&proxy).await;
    let sent: Vec<u8> = (0..2_000_000u32)
        .map(|number| (number % 251) as u8)
        .collect();
    let begun = Instant::now();
    let (mut from, mut to) = stream.split();
    let mut received = Vec::new();
    let writing = async {
        to.write_all(&sent).await.unwrap();
        to.shutdown().await.unwrap();
    };
    let reading = from.read_to_end(&mut received);
    let (_, read) = tokio::join!(writing, reading);
    read.unwrap();
    assert!(received == sent, "the echo differs from what was sent");
    // Two round trips at least: the connection's and the echo's.
    assert!(
        begun.elapsed() >= Duration::from_millis(40),
        "no latency: {:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn a_cut_resets_open_connections_and_takes_new_ones() {
    let proxy = Proxy::start(echo().await).await.unwrap();
    let mut stream = through(&proxy).await;
    ask(&mut stream, b"hello").await.unwrap();
    proxy.cut().await;
    assert_eq!(proxy.open_connections(), 0);
    let error = ask(&mut stream, b"hello").await.unwrap_err();
    assert!(
        matches!(
            error.kind(),
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
        ),
        "{error}"
    );
    ask(&mut through(&proxy).await, b"again").await.unwrap();
}

#[tokio::test]
async fn refused_connections_are_refused_and_open_ones_stay() {
    let proxy = Proxy::start(echo().await).await.unwrap();
    let mut stream = through(&proxy).await;
    ask(&mut stream, b"hello").await.unwrap();
    proxy.refuse(true).await.unwrap();
    let error = TcpStream::connect(("127.0.0.1", proxy.port()))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    ask(&mut stream, b"still").await.unwrap();
    proxy.refuse(false).await.unwrap();
    ask(&mut through(&proxy).await, b"again").await.unwrap();
}

#[tokio::test]
async fn a_stalled_connection_answers_nothing_and_loses_nothing() {
    let proxy = Proxy::start(echo().await).await.unwrap();
    let mut stream = through(&proxy).await;
    ask(&mut stream, b"hello").await.unwrap();
    proxy.stall(true);
    stream.write_all(b"wait").await.unwrap();
    let mut answer = [0; 4];
    let early =
        tokio::time::timeout(Duration::from_millis(100), stream.read_exact(&mut answer)).await;
    assert!(
        early.is_err(),
        "an answer came through a stalled connection"
    );
    proxy.stall(false);
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"wait");
}

#[tokio::test]
async fn a_connection_is_cut_after_as_many_bytes_as_said() {
    let proxy = Proxy::start(echo().await).await.unwrap();
    let mut stream = through(&proxy).await;
    proxy.cut_after_bytes(3, Direction::ToClient);
    stream.write_all(b"hello").await.unwrap();
    let mut received = [0; 3];
    stream.read_exact(&mut received).await.unwrap();
    assert_eq!(&received, b"hel");
    assert!(stream.read_exact(&mut received).await.is_err());
    proxy.wait_trapped(1).await;
}

/// Sends a transaction through a trapped proxy, and returns what the client was told and what the server has.
async fn commit_through(trap: impl Fn(&Proxy)) -> Option<(Result<(), tokio_postgres::Error>, i64)> {
    let server = greylag_lab::require(Engine::Postgres).await?;
    let database = server.database("cut").await.unwrap();
    server
        .execute(
            &database.name,
            "CREATE TABLE t (id int); GRANT ALL ON t TO greylag",
        )
        .await
        .unwrap();
    let proxy = Proxy::start(server.port()).await.unwrap();
    let url = server.url_through(proxy.port(), "greylag", &database.name);
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client
        .batch_execute("BEGIN; INSERT INTO t VALUES (1)")
        .await
        .unwrap();
    trap(&proxy);
    let told = client.batch_execute("COMMIT").await;
    proxy.wait_trapped(1).await;
    // The server may still be about to notice that the client has gone.
    let idle = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'greylag' AND datname = current_database()";
    let deadline = Instant::now() + greylag_lab::patience();
    while server.value(&database.name, idle).await.unwrap().as_deref() != Some("0") {
        assert!(Instant::now() < deadline, "the session never ended");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let rows = server
        .value(&database.name, "SELECT count(*) FROM t")
        .await
        .unwrap()
        .unwrap();
    Some((told, rows.parse().unwrap()))
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_has_happened() {
    let Some((told, rows)) = commit_through(|proxy| proxy.cut_when_client_sends(b"COMMIT")).await
    else {
        return;
    };
    assert!(told.unwrap_err().is_closed());
    assert_eq!(rows, 1);
}

#[tokio::test]
async fn a_commit_that_is_cut_off_before_it_arrives_has_not_happened() {
    let Some((told, rows)) = commit_through(|proxy| proxy.cut_before_client_sends(b"COMMIT")).await
    else {
        return;
    };
    assert!(told.is_err());
    assert_eq!(rows, 0);
}

#[tokio::test]
async fn a_slow_line_takes_its_time_and_loses_nothing_also_when_it_is_made_fast() {
    let proxy = Proxy::start(echo().await).await.unwrap();
    let mut stream = through(&proxy).await;
    proxy.set_rate(Some(200_000));
    let sent = vec![7; 20_000];
    let begun = Instant::now();
    assert_eq!(ask(&mut stream, &sent).await.unwrap(), sent);
    // Each way takes as long; how far they overlap is up to the pieces.
    assert!(
        begun.elapsed() >= Duration::from_millis(100),
        "it was as fast as ever: {:?}",
        begun.elapsed()
    );
    proxy.set_rate(Some(1));
    stream.write_all(&sent).await.unwrap();
    let mut answer = vec![0; sent.len()];
    let early =
        tokio::time::timeout(Duration::from_millis(100), stream.read_exact(&mut answer)).await;
    assert!(
        early.is_err(),
        "20,000 bytes came through at one byte a second"
    );
    proxy.set_rate(None);
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, sent);
}

#[tokio::test]
async fn a_name_that_goes_over_to_another_server_leads_new_connections_there() {
    let one = echo().await;
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Proxy::start(one).await.unwrap();
    let mut before = through(&proxy).await;
    assert_eq!(ask(&mut before, b"here").await.unwrap(), b"here");
    proxy.lead_to(other.local_addr().unwrap().port());
    assert_eq!(ask(&mut before, b"still").await.unwrap(), b"still");
    let mut after = through(&proxy).await;
    let (mut there, _) = other.accept().await.unwrap();
    there.write_all(b"hi").await.unwrap();
    let mut said = [0; 2];
    after.read_exact(&mut said).await.unwrap();
    assert_eq!(&said, b"hi");
}

#[tokio::test]
async fn messages_and_connections_are_counted() {
    let proxy = Proxy::start(echo().await).await.unwrap();
    let mut stream = through(&proxy).await;
    for _ in 0..3 {
        ask(&mut stream, b"hello").await.unwrap();
    }
    assert_eq!((proxy.connections(), proxy.messages()), (1, 3));
    let mut other = through(&proxy).await;
    ask(&mut other, b"hello").await.unwrap();
    ask(&mut stream, b"hello").await.unwrap();
    assert_eq!((proxy.connections(), proxy.messages()), (2, 5));
}

/// Who is cut may be back before the last of the others is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_is_over_though_those_who_were_cut_come_back_at_once() {
    let proxy = std::sync::Arc::new(Proxy::start(echo().await).await.unwrap());
    let stubborn = (0..8).map(|_| {
        let proxy = proxy.clone();
        tokio::spawn(async move {
            loop {
                // Cut off as it connects, it comes again.
                if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", proxy.port())).await {
                    while ask(&mut stream, b"there").await.is_ok() {}
                }
            }
        })
    });
    let stubborn: Vec<_> = stubborn.collect();
    for _ in 0..200 {
        let cut = tokio::time::timeout(greylag_lab::patience(), proxy.cut());
        cut.await.expect("nobody of those who were there is left");
        let deadline = Instant::now() + greylag_lab::patience();
        while proxy.open_connections() < stubborn.len() / 2 && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    stubborn.iter().for_each(tokio::task::JoinHandle::abort);
}
