//! What is settled before a changed plan waits for nothing that the plan asks for which it is there to replace.

use crate::world::{World, wait_for, wave};
use greylag_core::{gate::WaitReason, policy::Size};
use greylag_orchestrator::{
    apply::{Options, Verdict},
    steering::Request,
};
use std::time::Duration;

/// V1 is on the canary, where its query has said no and would say yes now; a later file has been edited, and it may be asked again.
async fn to_be_asked_again(change: impl Fn(&mut World)) -> World {
    let mut world = World::new(2);
    world.policy.waves = vec![wave("canary", Size::Count(1)), wave("rest", Size::Rest)];
    change(&mut world);
    world
        .file(
            "V1__a.sql",
            "-- greylag:verify SELECT count(*) = 1 FROM a\nCREATE TABLE a(x);",
        )
        .file("R__v.sql", "CREATE VIEW v AS SELECT 1 AS one;");
    assert_eq!(world.apply().await.unwrap().verdict, Verdict::Split);
    world.sql("s01", "INSERT INTO a VALUES (1)");
    let retry = Request::Retry { shards: Vec::new() };
    world.steer(retry).await.unwrap();
    world.file("R__v.sql", "CREATE VIEW v AS SELECT 2 AS two;");
    world
}

/// Somebody is there.
fn attended() -> Options {
    Options {
        attended: true,
        ..Options::default()
    }
}

#[tokio::test]
async fn a_soak_of_the_old_plan_is_not_waited_for() {
    let soaks = |world: &mut World| world.policy.waves[0].soak = Duration::from_secs(3600);
    let world = to_be_asked_again(soaks).await;
    let left = world.settle(&Options::default()).await;
    assert!(left.is_none(), "{left:#?}");
}

#[tokio::test]
async fn an_approval_of_the_old_plan_is_not_waited_for() {
    let asks = |world: &mut World| world.policy.waves[1].approval = true;
    let world = to_be_asked_again(asks).await;
    let left = world.settle(&attended()).await;
    assert!(left.is_none(), "{left:#?}");
}

/// The plan to come would know nothing of it: a terminal waits for `resume` as it does before anything else.
#[tokio::test]
async fn a_pause_holds_the_plan_to_come_and_a_terminal_waits_for_its_end() {
    let world = to_be_asked_again(|_| ()).await;
    let pause = Request::Pause { reason: None };
    world.steer(pause).await.unwrap();
    let left = world.settle(&Options::default()).await.expect("paused");
    assert_eq!((left.verdict, left.exit_code), (Verdict::Waiting, 4));
    assert!(
        matches!(&left.waiting[..], [WaitReason::Paused { .. }]),
        "{left:#?}"
    );
    let options = attended();
    let waits = world.settle(&options);
    let resumes = async {
        wait_for("somebody who waits", async || {
            let setup = world.setup().await;
            let lease = setup.journal.holder(&setup.scope()).await.unwrap();
            lease.is_some_and(|lease| lease.holder.verb == "apply")
        })
        .await;
        world.steer(Request::Resume).await.unwrap();
    };
    let (left, ()) = tokio::join!(waits, resumes);
    assert!(left.is_none(), "{left:#?}");
}
