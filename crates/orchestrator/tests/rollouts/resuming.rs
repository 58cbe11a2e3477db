//! Files that changed, came or went while a rollout was unfinished; shards that came and went.

use crate::world::World;
use greylag_core::{fleet::ShardName, plan::UndoTarget};
use greylag_orchestrator::{
    Exit, Explained,
    apply::{Options, Verdict, check_saved},
    journal::Location,
    operations,
    planning::{Ask, Prospect, look_ahead},
    steering::{Request, list},
    survey::survey_fleet,
    watch::Blind,
};

/// V1 fails on the second of three shards.
async fn stopped() -> World {
    let mut world = World::new(3);
    world.policy.max_in_flight = 1;
    world.file("V1__a.sql", "CREATE TABLE a(x);");
    world.apply().await.unwrap();
    world.sql("s02", "CREATE TABLE b(x)");
    world.file("V2__b.sql", "CREATE TABLE b(x);");
    let summary = world.apply().await.unwrap();
    assert_eq!(
        (summary.shards.done, summary.shards.failed),
        (1, 1),
        "{summary:#?}"
    );
    world
}

#[tokio::test]
async fn new_files_wait_until_the_old_plan_is_finished() {
    let mut world = stopped().await;
    world.file("V3__c.sql", "CREATE TABLE c(x);");
    let Prospect::Continue { rest, .. } = world.prospect().await else {
        panic!("not continued");
    };
    assert_eq!(rest.migrations, ["V3".parse().unwrap()]);
    world.sql("s02", "DROP TABLE b");
    world
        .steer(Request::Retry { shards: vec![] })
        .await
        .unwrap();
    let summary = world.apply().await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done);
    assert_eq!(
        (world.applied("s02", "2"), world.applied("s02", "3")),
        (1, 0)
    );
    let summary = world.apply().await.unwrap();
    assert_eq!(summary.migrations_applied, 3);
}

#[tokio::test]
async fn a_planned_file_that_no_shard_has_may_change_and_its_rollout_is_superseded() {
    let mut world = World::new(3);
    world.policy.max_in_flight = 1;
    world.file("V1__a.sql", "CREATE TABLE a(x); SELECT no_such_function();");
    let summary = world.apply().await.unwrap();
    assert_eq!(
        (summary.verdict, summary.exit_code),
        (Verdict::NothingChanged, 1)
    );
    world.file("V1__a.sql", "CREATE TABLE a(x);");
    assert!(matches!(world.prospect().await, Prospect::Supersede { .. }));
    let summary = world.apply().await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    let ended: Vec<_> = list(&world.setup().await)
        .await
        .unwrap()
        .into_iter()
        .map(|row| row.ended.unwrap())
        .collect();
    assert_eq!(ended, ["done", "superseded"]);
}

#[tokio::test]
async fn other_placeholders_in_the_middle_of_a_rollout_are_refused() {
    let mut world = stopped().await;
    world.placeholders.insert("x".into(), "y".into());
    let error = world.apply().await.unwrap_err();
    assert!(error.to_string().contains("placeholders"), "{error}");
}

#[tokio::test]
async fn a_run_may_be_restricted_to_some_shards_of_the_unfinished_rollout() {
    let world = stopped().await;
    world
        .steer(Request::Skip {
            shards: vec![name("s02")],
            reason: "later".into(),
        })
        .await
        .unwrap();
    let options = Options {
        only: Some([name("s01")].into()),
        ..Options::default()
    };
    let summary = world.apply_as(&Ask::default(), &options).await.unwrap();
    assert_eq!(summary.migrations_applied, 0, "{summary:#?}");
    let summary = world.apply().await.unwrap();
    assert_eq!(
        (summary.verdict, summary.migrations_applied),
        (Verdict::Done, 1)
    );
}

#[tokio::test]
async fn an_unreachable_shard_of_an_unfinished_rollout_is_told_before_anything_is_touched() {
    let world = stopped().await;
    world.sql("s02", "DROP TABLE b");
    world
        .steer(Request::Retry { shards: vec![] })
        .await
        .unwrap();
    let away = world.folder.path().join("away.db");
    std::fs::rename(world.path("s03"), &away).unwrap();
    let error = world.apply().await.unwrap_err();
    assert!(
        error.to_string().contains("`s03` can't be reached"),
        "{error}"
    );
    assert_eq!(world.applied("s02", "2"), 0);

    let ask = Ask {
        skip_unreachable: true,
        ..Ask::default()
    };
    let summary = world.apply_as(&ask, &Options::default()).await.unwrap();
    assert_eq!(
        (summary.exit_code, summary.shards.unreached),
        (3, 1),
        "{summary:#?}"
    );
    assert_eq!(world.applied("s02", "2"), 1);
    std::fs::rename(&away, world.path("s03")).unwrap();
    let summary = world.apply().await.unwrap();
    assert_eq!(
        (summary.verdict, summary.migrations_applied),
        (Verdict::Done, 1)
    );
}

#[tokio::test]
async fn a_saved_plan_holds_while_shards_only_move_along_it() {
    let mut world = World::new(3);
    world.file("V1__a.sql", "CREATE TABLE a(x);");
    let plan = async |world: &World| {
        let setup = world.setup().await;
        let surveyed = survey_fleet(&setup, None, &Blind).await.unwrap();
        let ahead = look_ahead(&setup, &surveyed, &Ask::default()).await;
        ahead.unwrap().plan().as_ref().clone()
    };
    let saved = plan(&world).await;
    let text = serde_json::to_string(&saved).unwrap();
    let saved: greylag_core::plan::Plan = serde_json::from_str(&text).unwrap();
    check_saved(&world.setup().await, &saved, &plan(&world).await).unwrap();

    world.shards.truncate(1);
    world.apply().await.unwrap();
    world.shards = vec![name("s01"), name("s02"), name("s03")];
    let fewer = plan(&world).await;
    assert_eq!(fewer.shards().len(), 2);
    check_saved(&world.setup().await, &saved, &fewer).unwrap();

    world.file("V2__b.sql", "CREATE TABLE b(x);");
    let error = check_saved(&world.setup().await, &saved, &plan(&world).await).unwrap_err();
    assert!(error.to_string().contains("V2"), "{error}");
}

#[tokio::test]
async fn a_saved_plan_that_was_edited_is_refused_whatever_digest_it_carries() {
    let mut world = World::new(3);
    world.file("V1__a.sql", "CREATE TABLE a(x);");
    let plan = world.prospect().await.plan().clone();
    let setup = world.setup().await;
    check_saved(&setup, &plan, &plan).unwrap();
    let mut edited = serde_json::to_value(&*plan).unwrap();
    edited["shards"][2]["name"] = "s04".into();
    edited["waves"][0]["shards"][2] = "s04".into();
    let edited = serde_json::from_value(edited).unwrap();
    let error = check_saved(&setup, &edited, &plan).unwrap_err();
    assert_eq!(error.exit(), Exit::Refused);
    let text = error.to_string();
    assert!(
        text.contains("edited") && text.contains(&plan.digest),
        "{text}"
    );
    assert!(error.hints()[0].contains("greylag plan"), "{error}");
}

#[tokio::test]
async fn a_shard_once_seen_is_missed_until_it_is_forgotten() {
    let mut world = World::new(3);
    world.file("V1__a.sql", "CREATE TABLE a(x);");
    world.apply().await.unwrap();
    world.shards.truncate(2);
    let missing = async |world: &World| {
        let surveyed = survey_fleet(&world.setup().await, None, &Blind)
            .await
            .unwrap();
        surveyed
            .missing
            .iter()
            .map(|known| known.name.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(missing(&world).await, [name("s03")]);
    assert!(
        operations::forget(&world.setup().await, &name("s03"), "sold")
            .await
            .unwrap()
    );
    assert!(missing(&world).await.is_empty());
}

#[tokio::test]
async fn an_undo_takes_the_last_version_back_everywhere() {
    let mut world = World::new(3);
    world
        .file("V1__a.sql", "CREATE TABLE a(x);")
        .file("V2__b.sql", "CREATE TABLE b(x);")
        .file("U2__b.sql", "DROP TABLE b;");
    world.apply().await.unwrap();
    let ask = Ask {
        undo: Some(UndoTarget::Latest),
        ..Ask::default()
    };
    let summary = world.apply_as(&ask, &Options::default()).await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert_eq!(summary.migrations_applied, 3);
    assert_eq!(
        world.count("s02", "SELECT count(*) FROM sqlite_schema WHERE name = 'b'"),
        0
    );
    let summary = world.apply().await.unwrap();
    assert_eq!(summary.migrations_applied, 3, "it is pending again");
}

#[tokio::test]
async fn the_journal_of_a_rollout_is_readable_without_its_files() {
    let mut world = stopped().await;
    world.files.clear();
    world.file("V1__a.sql", "CREATE TABLE a(x);");
    world.file("V2__b.sql", "CREATE TABLE b(x);");
    let path = world.folder.path().join(world.state);
    let journal = greylag_orchestrator::journal::look(&Location::Sqlite { path })
        .await
        .unwrap();
    let id = list(&world.setup().await).await.unwrap().remove(0).id;
    let stored = journal.rollout(&id).await.unwrap().unwrap();
    assert_eq!(&*stored.files["V2__b.sql"], "CREATE TABLE b(x);");
}

fn name(name: &str) -> ShardName {
    name.parse().unwrap()
}
