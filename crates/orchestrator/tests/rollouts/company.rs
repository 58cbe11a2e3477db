//! Two terminals at once: a second `apply`, and steering while the first one runs.

use crate::world::{World, wait_for, wave};
use greylag_core::{event::Event, gate::WaitReason, policy::Size};
use greylag_orchestrator::{
    Control, Exit, Explained, Notice,
    apply::{ApplyError, Options, Summary, Verdict},
    status::{Asked, read_status},
    steering::Request,
    survey::survey_fleet,
    watch::Blind,
};
use std::sync::{Arc, Mutex};
use tokio::task::JoinHandle;

type Told = Arc<Mutex<Vec<Notice>>>;

/// An attended run that waits for the approval of its second wave.
async fn waiting() -> (World, JoinHandle<Result<Summary, ApplyError>>, Told) {
    let mut world = World::new(3);
    let mut rest = wave("rest", Size::Rest);
    rest.approval = true;
    world.policy.waves = vec![wave("canary", Size::Count(1)), rest];
    world.file("V1__a.sql", "CREATE TABLE a(x);");
    let told: Told = Arc::default();
    let ears = told.clone();
    let options = Options {
        attended: true,
        ..Options::default()
    };
    let run = world
        .start(
            options,
            Control::new(),
            Arc::new(move |notice: &Notice| ears.lock().unwrap().push(notice.clone())),
        )
        .await;
    let waits = |notice: &Notice| matches!(notice, Notice::Waiting { reasons } if matches!(reasons[..], [WaitReason::Approval { .. }]));
    wait_for("the wait for an approval", async || {
        told.lock().unwrap().iter().any(waits)
    })
    .await;
    (world, run, told)
}

#[tokio::test]
async fn a_second_apply_on_the_same_store_says_who_works_and_is_refused() {
    let (world, run, _) = waiting().await;
    let error = world.apply().await.unwrap_err();
    assert_eq!(error.exit(), Exit::Refused);
    let text = error.to_string();
    for part in [
        "greylag apply",
        "ann@test",
        &format!("pid {}", std::process::id()),
        "since",
    ] {
        assert!(text.contains(part), "{text}");
    }
    run.abort();
}

#[tokio::test]
async fn a_second_apply_with_another_store_is_kept_out_by_the_anchor() {
    let (mut world, run, _) = waiting().await;
    world.state = "state/other.db";
    let error = world.apply().await.unwrap_err();
    assert_eq!(error.exit(), Exit::Refused);
    let text = error.to_string();
    assert!(text.contains("anchor") && text.contains("`s01`"), "{text}");
    assert_eq!(world.count("s02", "SELECT count(*) FROM sqlite_schema"), 0);
    run.abort();
}

#[tokio::test]
async fn a_run_with_nothing_to_do_takes_no_lock() {
    let (world, run, _) = waiting().await;
    world.steer(approve()).await.unwrap();
    run.await.unwrap().unwrap();
    let lock = rusqlite::Connection::open(world.folder.path().join("s01.db.greylag-lock")).unwrap();
    lock.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let summary = world.apply().await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done);
}

#[tokio::test]
async fn a_second_terminal_pauses_approves_and_resumes_the_first_ones_run() {
    let (world, run, told) = waiting().await;
    let paused = world
        .steer(Request::Pause {
            reason: Some("lunch".into()),
        })
        .await
        .unwrap();
    assert!(paused.running);
    assert!(world.steer(approve()).await.unwrap().running);
    let setup = world.setup().await;
    let surveyed = survey_fleet(&setup, None, &Blind).await.unwrap();
    let status = read_status(&setup, &surveyed, Vec::new(), &mut Asked::default())
        .await
        .unwrap();
    let rollout = status.rollout.unwrap();
    assert_eq!(rollout.state, "paused");
    assert!(rollout.holder.unwrap().contains("greylag apply"));
    assert!(matches!(&rollout.waiting[..], [WaitReason::Paused { by, .. }] if by == "ann@test"));
    assert_eq!((status.fleet.up_to_date, status.fleet.pending), (1, 2));

    assert!(world.steer(Request::Resume).await.unwrap().running);
    let summary = run.await.unwrap().unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    let steered: Vec<&str> = crate::world::events(&told.lock().unwrap())
        .iter()
        .filter_map(|stamped| match stamped.event {
            Event::Paused { .. } => Some("paused"),
            Event::Approved { .. } => Some("approved"),
            Event::Resumed { .. } => Some("resumed"),
            _ => None,
        })
        .collect();
    assert_eq!(steered, ["paused", "approved", "resumed"]);
}

#[tokio::test]
async fn an_abort_ends_the_run() {
    let (world, run, _) = waiting().await;
    let request = Request::Abort {
        reason: Some("wrong".into()),
    };
    assert!(world.steer(request).await.unwrap().running);
    let summary = run.await.unwrap().unwrap();
    assert_eq!((summary.verdict, summary.exit_code), (Verdict::Aborted, 3));
}

#[tokio::test]
async fn who_loses_the_lease_stops_and_says_who_has_it() {
    let (world, run, _) = waiting().await;
    // As if this process had been taken for dead.
    let store = rusqlite::Connection::open(world.folder.path().join(world.state)).unwrap();
    store
        .execute("UPDATE lease SET holder_uuid = 'x', epoch = epoch + 1", [])
        .unwrap();
    let error = run.await.unwrap().unwrap_err();
    // The canary was done by then: the fleet is split, whatever else there is to say.
    let ApplyError::Midway { why, .. } = &error else {
        panic!("{error}");
    };
    assert!(matches!(**why, ApplyError::LeaseLost { .. }), "{why}");
    assert_eq!(error.exit(), Exit::Split);
    assert_eq!(world.count("s02", "SELECT count(*) FROM sqlite_schema"), 0);
}

fn approve() -> Request {
    Request::Approve {
        wave: None,
        digest: None,
    }
}
