//! Gates of one's own, and time windows.

use crate::ground::Ground;
use greylag_lab::Engine;
use std::fs;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A check that says yes to the first wave, and to no other until [`let_it_go`].
pub const AFTER_THE_CANARY: &str = "[[check]]\nname = \"ready\"\nevery = \"100ms\"\n\
    command = [\"sh\", \"-c\", \"test -e may-go || { echo asked >> asked; test $(wc -l < asked) = 1; }\"]\n\n";

/// What a run says that it holds.
pub const HELD: &str = "check `ready` says";

pub fn let_it_go(ground: &Ground) {
    fs::write(ground.file("may-go"), "").expect("a file");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_says_no_holds_the_wave_until_it_says_yes() {
    let ground = checked(
        "command = [\"sh\", \"-c\", \"test -e may-go || { echo the queue is full >&2; exit 1; }\"]",
    )
    .await;
    ground
        .run(&["apply", "--yes", "--wait", "1s"])
        .await
        .ends(4)
        .says("check `ready` says:")
        .says("the queue is full");
    assert_eq!(ground.versions(0).await, "");
    fs::write(ground.file("may-go"), "").expect("a file");
    ground
        .run(&["apply", "--yes", "--wait", "20s"])
        .await
        .ends(0);
    assert_eq!(ground.versions(0).await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_is_not_there_is_not_a_yes() {
    let ground = checked("command = [\"no-such-program\"]").await;
    ground
        .run(&["apply", "--yes", "--wait", "1s"])
        .await
        .ends(4)
        .says("check `ready` says:")
        .says("no-such-program");
    assert_eq!(ground.versions(0).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_nobody_answers_at_is_not_a_yes() {
    // Taken, so that nobody else listens there meanwhile, and not listened at.
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    socket.bind(any).expect("a port");
    let port = socket.local_addr().expect("a port").port();
    let ground = checked(&format!("http = \"http://127.0.0.1:{port}/ok\"")).await;
    ground
        .run(&["apply", "--yes", "--wait", "1s"])
        .await
        .ends(4)
        .says("check `ready` says:");
    assert_eq!(ground.versions(0).await, "");
    drop(socket);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http_check_passes_with_200_and_no_other() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let port = listener.local_addr().expect("a port").port();
    let ground = checked(&format!("http = \"http://127.0.0.1:{port}/ok\"")).await;
    let healthy = ground.file("healthy");
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let _ = client.read(&mut [0; 1024]).await;
            let (status, body) = if healthy.exists() {
                ("200 OK", "fine")
            } else {
                ("503 Service Unavailable", "errors at 7 %")
            };
            let answer = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            let _ = client.write_all(answer.as_bytes()).await;
        }
    });
    ground
        .run(&["apply", "--yes", "--wait", "1s"])
        .await
        .ends(4)
        .says("check `ready` says:")
        .says("503");
    assert_eq!(ground.versions(0).await, "");
    fs::write(ground.file("healthy"), "").expect("a file");
    ground
        .run(&["apply", "--yes", "--wait", "20s"])
        .await
        .ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_gates_and_one_that_fails_is_not_a_yes() {
    let ground = set("").await;
    ground.run(&["apply", "--yes"]).await.ends(0);
    ground.project("[[check]]\nname = \"ready\"\nsql = \"SELECT count(*) = 0 FROM incident\"\n");
    ground.migration("V2__more.sql", "CREATE TABLE more (id int);\n");
    let apply = &["apply", "--yes", "--wait", "1s"];
    ground
        .run(apply)
        .await
        .ends(4)
        .says("check `ready` says:")
        .says("incident");
    ground
        .execute(
            0,
            "CREATE TABLE incident (x int); INSERT INTO incident VALUES (1)",
        )
        .await;
    ground.run(apply).await.ends(4).says("check `ready` says:");
    assert_eq!(ground.versions(0).await, "1");
    ground.execute(0, "DELETE FROM incident").await;
    ground
        .run(&["apply", "--yes", "--wait", "20s"])
        .await
        .ends(0);
    assert_eq!(ground.versions(0).await, "1 2");
}

#[tokio::test(flavor = "multi_thread")]
async fn outside_its_window_a_run_ends_with_when_it_opens() {
    // Open on one day of the week only, which is neither today nor tomorrow.
    let today = jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    let day = today
        .saturating_add(jiff::Span::new().days(3))
        .strftime("%a");
    let ground = set(&format!(
        "[rollout]\nwindows = [\"{day} 10:00-11:00 UTC\"]\n"
    ))
    .await;
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(4)
        .says("outside every window; the next opens at");
    assert_eq!(ground.versions(0).await, "");
}

async fn checked(check: &str) -> Ground {
    set(&format!("[[check]]\nname = \"ready\"\n{check}\n")).await
}

/// One shard, one migration, and these settings.
async fn set(settings: &str) -> Ground {
    let ground = Ground::on(Engine::Sqlite, 1)
        .await
        .expect("SQLite is always there");
    ground.project(settings);
    ground.migration(
        "V1__effect.sql",
        "CREATE TABLE effect (step text NOT NULL);\n",
    );
    ground
}
