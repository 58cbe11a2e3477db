//! What only a person can settle, and an orphan that is taken over.

use crate::{
    crashing::At,
    database::Fault,
    world::{Ran, World},
};
use greylag_core::outcome::Failure;
use greylag_orchestrator::{
    Exit, Explained, Notice,
    apply::{Options, Verdict},
    steering::{Request, SteerError},
};
use std::sync::{Arc, Mutex};

/// V1's answer is lost on `s2`, and its catalog can't tell.
async fn doubtful() -> World {
    let world = World::new(2, 2);
    world.fault("s2", Fault::Mystery);
    let (ran, _) = world.run(None).await;
    let Ran::Ended(summary) = ran else {
        panic!("{ran:?}")
    };
    assert_eq!(
        (summary.verdict, summary.exit_code),
        (Verdict::Unknown, 3),
        "{summary:#?}"
    );
    assert!(summary.unknown["s2"].needs_person);
    world
}

fn settle(applied: bool) -> Request {
    Request::Settle {
        shard: "s2".parse().unwrap(),
        migration: "V1".parse().unwrap(),
        applied,
        reason: "looked".into(),
        node: None,
    }
}

#[tokio::test]
async fn what_a_person_settles_as_applied_is_not_run_again() {
    let world = doubtful().await;
    // Nothing is tried without their word.
    let (ran, _) = world.run(None).await;
    assert!(
        matches!(&ran, Ran::Ended(s) if s.verdict == Verdict::Unknown),
        "{ran:?}"
    );
    world.databases.0["s2"]
        .lock()
        .unwrap()
        .take_effect(&"V1".parse().unwrap());
    world.steer(settle(true)).await.unwrap();
    assert!(matches!(
        world.steer(settle(true)).await,
        Err(SteerError::NotNow(_))
    ));
    let (ran, _) = world.run(None).await;
    assert!(
        matches!(&ran, Ran::Ended(s) if s.verdict == Verdict::Done),
        "{ran:?}"
    );
    world.is_home();
}

#[tokio::test]
async fn what_a_person_settles_as_absent_is_run_again() {
    let world = doubtful().await;
    world.steer(settle(false)).await.unwrap();
    let (ran, _) = world.run(None).await;
    assert!(
        matches!(&ran, Ran::Ended(s) if s.verdict == Verdict::Done),
        "{ran:?}"
    );
    world.is_home();
}

#[tokio::test]
async fn a_persons_word_is_in_the_journal_before_the_shard_is_touched() {
    for applied in [true, false] {
        let world = doubtful().await;
        let shard = || {
            let database = world.databases.0["s2"].lock().unwrap();
            (database.history.clone(), database.steps.clone())
        };
        let before = shard();
        let acts = world.steer_and_crash(settle(applied), At::Noted).await;
        assert_eq!(shard(), before, "touched");
        let [act] = &acts[..] else { panic!("{acts:?}") };
        assert_eq!((&*act.verb, &*act.reason), ("settle", "looked"));
        assert!(act.what[0].contains("V1"), "{act:?}");
        world.steer(settle(applied)).await.unwrap();
        assert_ne!(shard(), before);
    }
}

#[tokio::test]
async fn a_persons_word_said_again_after_a_crash_is_written_once() {
    for applied in [true, false] {
        let world = doubtful().await;
        if applied {
            let mut database = world.databases.0["s2"].lock().unwrap();
            database.take_effect(&"V1".parse().unwrap());
        }
        let acts = world.steer_and_crash(settle(applied), At::Done).await;
        assert_eq!(acts.len(), 1, "{acts:?}");
        // The rollout does not know of it, and asks for it again.
        let (ran, _) = world.run(None).await;
        assert!(
            matches!(&ran, Ran::Ended(s) if s.verdict == Verdict::Unknown),
            "{ran:?}"
        );
        world.steer(settle(applied)).await.unwrap();
        let (ran, _) = world.run(None).await;
        assert!(
            matches!(&ran, Ran::Ended(s) if s.verdict == Verdict::Done),
            "{ran:?}"
        );
        world.is_home();
    }
}

#[tokio::test]
async fn a_persons_word_is_not_written_on_a_database_of_another_environment() {
    let world = doubtful().await;
    let database = &world.databases.0["s2"];
    let own = database.lock().unwrap().identity.clone();
    let history = {
        let mut inside = database.lock().unwrap();
        inside.identity.as_mut().unwrap().environment = "production".into();
        (inside.history.clone(), inside.steps.clone())
    };
    let refused = world.steer(settle(true)).await.unwrap_err();
    assert_eq!(refused.exit(), Exit::Refused, "{refused}");
    let text = refused.to_string();
    assert!(
        text.contains("production") && text.contains("test"),
        "{text}"
    );
    {
        let mut inside = database.lock().unwrap();
        assert_eq!((inside.history.clone(), inside.steps.clone()), history);
        inside.identity = own;
    }
    // Nor in the journal: it still waits for a person's word, and takes it.
    let (ran, _) = world.run(None).await;
    assert!(
        matches!(&ran, Ran::Ended(s) if s.verdict == Verdict::Unknown),
        "{ran:?}"
    );
    world.steer(settle(false)).await.unwrap();
}

/// Gives how `s2` failed: somebody had its lock until the deadline.
async fn busy(world: &World, options: Options) -> (String, Failure) {
    let (ran, _) = world.run_as(None, options).await;
    let Ran::Ended(summary) = ran else {
        panic!("{ran:?}")
    };
    (summary.rollout.unwrap(), summary.failed["s2"].clone())
}

fn taking_over() -> Options {
    Options {
        take_over: true,
        ..Options::default()
    }
}

#[tokio::test]
async fn an_orphan_of_ours_is_waited_for_and_ended_only_when_asked() {
    let mut world = World::new(2, 1);
    world.policy.lock_deadline = std::time::Duration::from_millis(300);
    world.hold("s2", "psql");
    let (rollout, _) = busy(&world, Options::default()).await;
    world.hold("s2", &format!("greylag/{rollout}/s2"));
    world.retry().await;
    let (_, failure) = busy(&world, Options::default()).await;
    assert!(failure.message.contains(&rollout), "{failure:?}");
    let hint = failure.hint.as_ref().unwrap();
    assert!(
        hint.contains("`greylag apply --take-over` ends it"),
        "{hint}"
    );

    world.retry().await;
    // It is ended at once: no deadline is what this is about.
    world.policy.lock_deadline = std::time::Duration::from_secs(60);
    let (ran, _) = world.run_as(None, taking_over()).await;
    assert!(
        matches!(&ran, Ran::Ended(s) if s.verdict == Verdict::Done),
        "{ran:?}"
    );
    world.is_home();
}

/// Longer than one look for the anchor's lock takes: it is ended once, and told once.
#[tokio::test]
async fn an_orphan_that_takes_long_to_roll_back_is_ended_once() {
    let mut world = World::new(2, 1);
    world.policy.lock_deadline = std::time::Duration::from_millis(300);
    world.hold("s2", "psql");
    let (rollout, _) = busy(&world, Options::default()).await;
    world.databases.0["s2"].lock().unwrap().stranger = None;
    world.retry().await;

    world.policy.lock_deadline = std::time::Duration::from_secs(60);
    world.hold("s1", &format!("greylag/{rollout}/s1"));
    world.databases.0["s1"].lock().unwrap().rolls_back = std::time::Duration::from_secs(4);
    let told = Arc::new(Mutex::new(Vec::new()));
    let ears = told.clone();
    world.watcher = Arc::new(move |notice: &Notice| {
        if let Notice::Warning { text, .. } = notice {
            ears.lock().unwrap().push(text.clone());
        }
    });
    let (ran, _) = world.run_as(None, taking_over()).await;
    assert!(
        matches!(&ran, Ran::Ended(s) if s.verdict == Verdict::Done),
        "{ran:?}"
    );
    let calls = world.databases.0["s1"].lock().unwrap().calls.clone();
    assert_eq!(calls.iter().filter(|call| **call == "end").count(), 1);
    let told = told.lock().unwrap();
    let says = |what: &str| told.iter().filter(|text| text.contains(what)).count();
    assert_eq!(says("took over"), 1, "{told:?}");
    assert_eq!(says("is still rolling back"), 1, "{told:?}");
    assert_eq!(says("`--take-over` ends it"), 0, "{told:?}");
}

#[tokio::test]
async fn a_run_that_this_journal_does_not_know_is_never_taken_over() {
    let mut world = World::new(2, 1);
    world.policy.lock_deadline = std::time::Duration::from_millis(300);
    for (name, why) in [
        (
            "greylag/20260101-000000-beef/s2",
            "is not in this state store",
        ),
        ("greylag/repair/s2", "it is not of a rollout"),
    ] {
        world.hold("s2", name);
        let (_, failure) = busy(&world, taking_over()).await;
        assert!(failure.message.contains(name), "{failure:?}");
        let hint = failure.hint.as_ref().unwrap();
        assert!(hint.contains(why), "{hint}");
        assert!(!hint.contains("--take-over"), "{hint}");
        assert!(world.databases.0["s2"].lock().unwrap().stranger.is_some());
        world.retry().await;
    }
}

#[tokio::test]
async fn a_strangers_lock_is_never_taken_over() {
    let mut world = World::new(2, 1);
    world.policy.lock_deadline = std::time::Duration::from_millis(300);
    world.hold("s2", "psql");
    let (ran, _) = world.run_as(None, taking_over()).await;
    assert!(
        matches!(&ran, Ran::Ended(s) if s.failed.contains_key("s2")),
        "{ran:?}"
    );
    assert!(world.databases.0["s2"].lock().unwrap().stranger.is_some());
}
