//! Approval, pause, abort, and what is refused.

use crate::world::{World, wave};
use greylag_core::policy::Size;
use greylag_orchestrator::{
    apply::{ApplyError, Options, Verdict},
    planning::{Ask, Prospect},
    steering::{Request, SteerError, list},
};

fn with_approval() -> World {
    let mut world = World::new(3);
    let mut rest = wave("rest", Size::Rest);
    rest.approval = true;
    world.policy.waves = vec![wave("canary", Size::Count(1)), rest];
    world.file("V1__a.sql", "CREATE TABLE a(x);");
    world
}

#[tokio::test]
async fn a_wave_waits_for_its_approval_and_goes_on_after_it() {
    let world = with_approval();
    let summary = world.apply().await.unwrap();
    assert_eq!((summary.verdict, summary.exit_code), (Verdict::Waiting, 4));
    assert_eq!(summary.shards.done, 1);

    let wrong = Request::Approve {
        wave: None,
        digest: Some("sha256:other".into()),
    };
    assert!(matches!(
        world.steer(wrong).await,
        Err(SteerError::NotNow(_))
    ));
    let approve = Request::Approve {
        wave: None,
        digest: summary.digest.clone(),
    };
    world.steer(approve.clone()).await.unwrap();
    assert!(matches!(
        world.steer(approve).await,
        Err(SteerError::NotNow(_))
    ));
    let summary = world.apply().await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
}

#[tokio::test]
async fn an_approved_digest_carries_all_waves_through() {
    let world = with_approval();
    let digest = world.prospect().await.plan().digest.clone();
    let options = Options {
        approved_digest: Some(digest),
        ..Options::default()
    };
    let summary = world.apply_as(&Ask::default(), &options).await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
}

#[tokio::test]
async fn a_run_of_only_a_shard_behind_an_open_wave_says_which_wave_it_waits_for() {
    let mut world = World::new(5);
    let mut batch = wave("batch", Size::Count(2));
    batch.approval = true;
    world.policy.waves = vec![
        wave("canary", Size::Count(1)),
        batch,
        wave("rest", Size::Rest),
    ];
    world.file("V1__a.sql", "CREATE TABLE a(x);");
    assert_eq!(world.apply().await.unwrap().exit_code, 4);
    let approve = Request::Approve {
        wave: None,
        digest: None,
    };
    world.steer(approve).await.unwrap();
    let only = async |name: &str| {
        let options = Options {
            only: Some([name.parse().unwrap()].into()),
            ..Options::default()
        };
        world.apply_as(&Ask::default(), &options).await.unwrap()
    };
    let plan = world.prospect().await.plan().clone();
    let first = plan.waves[1].shards[0].to_string();
    let last = plan.waves[2].shards[0].to_string();
    assert_eq!(only(&first).await.migrations_applied, 1);

    let summary = only(&last).await;
    assert_eq!(
        (summary.verdict, summary.exit_code),
        (Verdict::Waiting, 4),
        "{summary:#?}"
    );
    assert_eq!(summary.migrations_applied, 0);
    let waiting = format!("{:?}", summary.waiting);
    assert!(waiting.contains("batch"), "{waiting}");
    assert_eq!(
        world.apply().await.unwrap().verdict,
        Verdict::Done,
        "it goes on as ever"
    );
}

#[tokio::test]
async fn a_paused_rollout_starts_nothing_until_it_is_resumed_and_an_aborted_one_never_does() {
    let world = with_approval();
    world.apply().await.unwrap();
    world
        .steer(Request::Pause {
            reason: Some("lunch".into()),
        })
        .await
        .unwrap();
    let summary = world.apply().await.unwrap();
    assert_eq!((summary.verdict, summary.exit_code), (Verdict::Waiting, 4));
    world.steer(Request::Resume).await.unwrap();
    assert!(matches!(
        world.steer(Request::Resume).await,
        Err(SteerError::NotNow(_))
    ));
    world.steer(Request::Abort { reason: None }).await.unwrap();
    let ended = list(&world.setup().await).await.unwrap().remove(0);
    assert_eq!(ended.ended.as_deref(), Some("aborted"));
    assert_eq!(world.applied("s01", "1"), 1);
    assert_eq!(world.count("s02", "SELECT count(*) FROM sqlite_schema"), 0);
    assert!(matches!(
        world.steer(Request::Resume).await,
        Err(SteerError::NoRollout { .. })
    ));
}

/// Whoever was asked whether the changed plan may be carried out takes the time it takes.
#[tokio::test]
async fn a_pause_that_comes_between_a_changed_plan_and_its_rollout_holds_it() {
    let mut world = with_approval();
    world.apply().await.unwrap();
    world.file("R__v.sql", "CREATE VIEW v AS SELECT 1 AS one;");
    let approve = Request::Approve {
        wave: None,
        digest: None,
    };
    world.steer(approve).await.unwrap();
    // The view is of the next plan, which waits for its approval in turn.
    assert_eq!(world.apply().await.unwrap().verdict, Verdict::Done);
    assert_eq!(world.apply().await.unwrap().verdict, Verdict::Waiting);
    world.file("R__v.sql", "CREATE VIEW v AS SELECT 2 AS two;");
    let pause = Request::Pause { reason: None };
    let (ask, options) = (Ask::default(), Options::default());
    let ended = world.apply_after(&ask, &options, async |prospect| {
        assert!(
            matches!(prospect, Prospect::Supersede { .. }),
            "{prospect:#?}"
        );
        world.steer(pause).await.unwrap();
    });
    let error = ended.await.unwrap_err();
    assert!(
        matches!(&error, ApplyError::Stale { why } if why.contains("was paused meanwhile")),
        "{error:?}"
    );
    let last = list(&world.setup().await).await.unwrap().remove(0);
    assert_eq!(last.ended, None, "it has no successor");
}
