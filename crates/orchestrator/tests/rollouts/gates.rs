//! Checks of the project's own, windows and verify queries: what can't be asked is not passed.

use crate::world::{World, events, wave};
use greylag_core::{
    event::Event,
    gate::{Verdict as Gate, WaitReason},
    policy::Size,
};
use greylag_orchestrator::{
    apply::{Options, Summary, Verdict},
    gates::{CheckRule, Probe},
    planning::Ask,
    steering::Request,
};
use std::time::{Duration, Instant};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

fn world(probe: Probe) -> World {
    let mut world = World::new(2);
    world.file("V1__a.sql", "CREATE TABLE a(x);");
    world.policy.checks = vec!["mine".into()];
    world.checks = vec![CheckRule {
        name: "mine".into(),
        probe,
        // Whoever is to answer may take its time; who never does has a limit of its own.
        timeout: Duration::from_secs(60),
        every: Duration::from_secs(1),
    }];
    world
}

/// One question, and no patience.
async fn once(world: &World) -> Summary {
    let options = Options {
        until: Some(Instant::now()),
        ..Options::default()
    };
    world.apply_as(&Ask::default(), &options).await.unwrap()
}

fn answer(summary: &Summary) -> &str {
    assert_eq!(
        (summary.verdict, summary.exit_code),
        (Verdict::Waiting, 4),
        "{summary:#?}"
    );
    match &summary.waiting[..] {
        [WaitReason::Check { name, answer, .. }] if name == "mine" => answer,
        other => panic!("{other:?}"),
    }
}

fn command(text: &str) -> Probe {
    Probe::Command {
        argv: ["sh", "-c", text].map(String::from).to_vec(),
        folder: "/".into(),
    }
}

async fn server(status: &'static str) -> Probe {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            let answer =
                format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    Probe::Http {
        url: format!("http://{address}/ok?token=hidden").parse().unwrap(),
    }
}

#[tokio::test]
async fn checks_that_say_yes_let_the_wave_go() {
    let sql = Probe::Sql {
        query: "SELECT 1 = 1".into(),
        shards: Vec::new(),
    };
    for probe in [command("exit 0"), sql, server("204 No Content").await] {
        let world = world(probe.clone());
        let summary = once(&world).await;
        assert_eq!(summary.verdict, Verdict::Done, "{probe:?}: {summary:#?}");
    }
}

#[tokio::test]
async fn checks_that_say_no_hold_it_and_say_why() {
    let sql = Probe::Sql {
        query: "SELECT 0".into(),
        shards: vec!["s02".parse().unwrap()],
    };
    for (probe, part) in [
        (command("echo errors are up; exit 3"), "errors are up"),
        (sql, "`s02` says 0"),
        (server("503 Service Unavailable").await, "503"),
    ] {
        let world = world(probe);
        let summary = once(&world).await;
        assert!(answer(&summary).contains(part), "{summary:#?}");
        assert_eq!(world.count("s01", "SELECT count(*) FROM sqlite_schema"), 0);
    }
}

#[tokio::test]
async fn checks_that_cannot_be_asked_are_not_passed() {
    let sql = Probe::Sql {
        query: "SELECT x FROM nowhere".into(),
        shards: Vec::new(),
    };
    let gone = Probe::Http {
        url: "http://127.0.0.1:1/ok?token=hidden".parse().unwrap(),
    };
    let missing = Probe::Command {
        argv: vec!["/no/such/program".into()],
        folder: "/".into(),
    };
    for (probe, part) in [
        (sql, "nowhere"),
        (gone, "could not be asked"),
        (missing, "could not be run"),
        (command("sleep 600"), "no answer within"),
    ] {
        let mut world = world(probe);
        if part == "no answer within" {
            world.checks[0].timeout = Duration::from_millis(500);
        }
        let summary = once(&world).await;
        let said = answer(&summary);
        assert!(said.contains(part) && !said.contains("hidden"), "{said}");
    }
}

#[tokio::test]
async fn a_check_is_asked_again_until_it_says_yes() {
    let folder = tempfile::tempdir().unwrap();
    let flag = folder.path().join("asked").display().to_string();
    let world = world(command(&format!(
        "test -e {flag} || {{ touch {flag}; exit 1; }}"
    )));
    let summary = world.apply().await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
}

#[tokio::test]
async fn a_check_is_asked_again_as_often_as_the_project_says_and_journalled_where_it_says_something_else()
 {
    let folder = tempfile::tempdir().unwrap();
    let asked = folder.path().join("asked");
    let path = asked.display();
    let mut world = world(command(&format!(
        "date +%s%N >> {path}; n=$(wc -l < {path}); test $n -lt 5 || echo still $n; test $n -ge 7"
    )));
    world.checks[0].every = Duration::from_millis(250);
    let (summary, told) = world.apply_watched().await;
    assert_eq!(summary.unwrap().verdict, Verdict::Done);
    let asked = std::fs::read_to_string(asked).unwrap();
    let asked: Vec<u128> = asked.lines().map(|at| at.parse().unwrap()).collect();
    assert_eq!(asked.len(), 7);
    for pair in asked.windows(2) {
        let between = Duration::from_nanos((pair[1] - pair[0]) as u64);
        assert!(between.as_millis() >= 250, "too eager: {between:?}");
    }
    // Four said the same; the next two said a figure each.
    let mut noes = Vec::new();
    for stamped in events(&told) {
        let Event::GateAnswered { verdict, .. } = stamped.event else {
            continue;
        };
        if let Gate::Wait { reasons } = verdict {
            let [WaitReason::Check { every_ms, .. }] = &reasons[..] else {
                panic!("{reasons:?}");
            };
            assert_eq!(*every_ms, Some(250));
            noes.push(reasons);
        }
    }
    assert_eq!(noes.len(), 3, "{noes:#?}");
}

#[tokio::test]
async fn outside_its_windows_an_unattended_run_ends_waiting() {
    let mut world = World::new(1);
    world.file("V1__a.sql", "CREATE TABLE a(x);");
    // Yesterday and tomorrow are other days, whatever day it is.
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    let other = now.tomorrow().unwrap().tomorrow().unwrap();
    world.policy.windows = vec![format!("{} UTC", other.strftime("%a"))];
    let summary = world.apply().await.unwrap();
    assert_eq!(summary.exit_code, 4);
    assert!(
        matches!(
            &summary.waiting[..],
            [WaitReason::Window { opens: Some(_) }]
        ),
        "{summary:#?}"
    );
}

#[tokio::test]
async fn a_window_that_closes_after_the_canary_holds_the_rest_whatever_the_checks_say() {
    let folder = tempfile::tempdir().unwrap();
    let flag = folder.path().join("asked").display().to_string();
    // Windows close on the minute: with half a minute left for the canary, it is this one.
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    let closes = (now.clone() + jiff::Span::new().seconds(90))
        .round(
            jiff::ZonedRound::new()
                .smallest(jiff::Unit::Minute)
                .mode(jiff::RoundMode::Floor),
        )
        .unwrap();
    let mut world = world(command(&format!(
        "test -e {flag} || {{ touch {flag}; exit 0; }}; while [ $(date +%s) -lt {} ]; do sleep 0.2; done",
        closes.timestamp().as_second()
    )));
    world.checks[0].timeout = Duration::from_secs(120);
    world.policy.waves = vec![wave("canary", Size::Count(1)), wave("rest", Size::Rest)];
    world.policy.windows = vec![format!(
        "Mon-Sun {}-{} UTC",
        now.strftime("%H:%M"),
        closes.strftime("%H:%M")
    )];
    for attempt in [
        "the window closes while the check is asked",
        "taken up again, it is closed",
    ] {
        let summary = world.apply().await.unwrap();
        assert_eq!(summary.exit_code, 4, "{attempt}: {summary:#?}");
        assert!(
            matches!(
                &summary.waiting[..],
                [WaitReason::Window { opens: Some(_) }]
            ),
            "{attempt}: {summary:#?}"
        );
        let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'a'";
        let applied = world.count("s01", tables) + world.count("s02", tables);
        assert_eq!(applied, 1, "{attempt}: only the canary");
    }
}

#[tokio::test]
async fn a_verify_query_that_says_no_fails_the_shard_and_is_asked_again_on_retry() {
    let mut world = World::new(1);
    world.file(
        "V1__a.sql",
        "-- greylag:verify SELECT count(*) = 0 FROM a WHERE x < 0\nCREATE TABLE a(x); INSERT INTO a VALUES (-1);",
    );
    let summary = world.apply().await.unwrap();
    assert_eq!(summary.shards.failed, 1, "{summary:#?}");
    assert_eq!(world.applied("s01", "1"), 1, "the migration stays");
    world.sql("s01", "DELETE FROM a");
    world
        .steer(Request::Retry { shards: vec![] })
        .await
        .unwrap();
    let summary = world.apply().await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert_eq!(world.applied("s01", "1"), 1);
    assert_eq!(world.count("s01", "SELECT count(*) FROM a"), 0);
}
