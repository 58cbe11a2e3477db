//! Killed before and after each single write of a rollout.

use crate::{
    crashing::Crash,
    database::Fault,
    world::{Ran, World},
};
use greylag_orchestrator::apply::Verdict;

#[tokio::test]
async fn killed_at_every_event_every_migration_happens_exactly_once() {
    let clean = World::new(3, 3);
    let (ran, _) = clean.run(None).await;
    assert!(
        matches!(&ran, Ran::Ended(s) if s.verdict == Verdict::Done),
        "{ran:?}"
    );
    clean.is_home();

    // How events fall into writes differs from run to run: it is killed ever later, until it gets by.
    let mut at = 0;
    loop {
        let mut crashed = false;
        for durable in [false, true] {
            let world = World::new(3, 3);
            let (ran, _) = world.run(Some(Crash { at, durable })).await;
            crashed |= matches!(ran, Ran::Crashed);
            let (ran, _) = world.run(None).await;
            assert!(
                matches!(&ran, Ran::Ended(s) if s.verdict == Verdict::Done),
                "after a crash at write {at} (durable: {durable}): {ran:?}"
            );
            world.is_home();
        }
        if !crashed {
            break;
        }
        at += 1;
    }
    eprintln!("killed at {at} writes");
    // The rollout itself, the start of its canary, that of the rest, and their end can't share a write.
    assert!(at > 3, "it was killed at {at} writes only");
}

#[tokio::test]
async fn lost_answers_are_looked_up_and_not_run_again() {
    for fault in [
        Fault::LoseBefore,
        Fault::LoseAfter,
        Fault::Torn,
        Fault::Orphan,
    ] {
        let world = World::new(3, 3);
        for _ in 0..2 {
            world.fault("s2", fault.clone());
        }
        let (ran, _) = world.run(None).await;
        assert!(
            matches!(&ran, Ran::Ended(s) if s.verdict == Verdict::Done),
            "{fault:?}: {ran:?}"
        );
        world.is_home();
    }
}

#[tokio::test]
async fn a_migration_that_loses_its_connection_again_and_again_is_named_and_not_run_for_ever() {
    let world = World::new(3, 3);
    for _ in 0..100 {
        world.fault("s2", Fault::LoseBefore);
    }
    let (ran, _) = world.run(None).await;
    let Ran::Ended(summary) = &ran else {
        panic!("{ran:?}");
    };
    assert_eq!(summary.verdict, Verdict::Split, "{ran:?}");
    let failure = &summary.failed["s2"];
    assert!(
        failure.message.contains("3 times while V1 ran"),
        "{failure:?}"
    );
}
