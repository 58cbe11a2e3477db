//! Verbs beside rollouts: baseline, repair, accept, rebrand.

use crate::world::World;
use greylag_core::{fleet::ShardName, identity::Refusal};
use greylag_orchestrator::{
    apply::Verdict,
    journal::Act,
    operations::{Repair, ShardResult, accept, baseline, forget, rebrand, repair},
    status::{Asked, read_status},
    survey::survey_fleet,
    watch::Blind,
};
use std::sync::Arc;

fn name(name: &str) -> ShardName {
    name.parse().unwrap()
}

#[tokio::test]
async fn an_existing_database_is_baselined_and_goes_on_from_there() {
    let mut world = World::new(2);
    world
        .file("V1__a.sql", "CREATE TABLE a(x);")
        .file("V2__b.sql", "CREATE TABLE b(x);");
    for shard in ["s01", "s02"] {
        world.sql(shard, "CREATE TABLE a(x)");
    }
    let version = "1".parse().unwrap();
    let setup = world.setup().await;
    let report = baseline(
        &setup,
        None,
        &version,
        None,
        "it was there",
        Arc::new(Blind),
    )
    .await
    .unwrap();
    for shard in &report.shards {
        assert!(
            matches!(shard.result, ShardResult::Changed { .. }),
            "{report:#?}"
        );
    }
    let report = baseline(
        &setup,
        None,
        &version,
        None,
        "it was there",
        Arc::new(Blind),
    )
    .await
    .unwrap();
    for shard in &report.shards {
        assert!(
            matches!(shard.result, ShardResult::Nothing { .. }),
            "{report:#?}"
        );
    }
    let summary = world.apply().await.unwrap();
    assert_eq!(
        (summary.verdict, summary.migrations_applied),
        (Verdict::Done, 2)
    );
    assert_eq!(world.applied("s01", "2"), 1);
}

#[tokio::test]
async fn a_known_shard_whose_url_names_another_database_is_not_baselined_there() {
    let mut world = World::new(2);
    world.file("V1__a.sql", "CREATE TABLE a(x);");
    world.apply().await.unwrap();
    world.apply().await.unwrap();
    std::fs::remove_file(world.path("s01")).unwrap();
    world.sql("s01", "CREATE TABLE of_somebody_else(x)");
    let version = "1".parse().unwrap();
    let setup = world.setup().await;
    let report = baseline(
        &setup,
        None,
        &version,
        None,
        "it was there",
        Arc::new(Blind),
    )
    .await;
    let report = report.unwrap();
    let ShardResult::Refused { refusals } = &report.shards[0].result else {
        panic!("{report:#?}");
    };
    assert!(
        matches!(&refusals[..], [Refusal::LostIdentity { .. }]),
        "{refusals:?}"
    );
    let ours = "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'greylag%'";
    assert_eq!(world.count("s01", ours), 0);

    forget(&setup, &name("s01"), "it is another database now")
        .await
        .unwrap();
    let report = baseline(
        &setup,
        None,
        &version,
        None,
        "it was there",
        Arc::new(Blind),
    )
    .await;
    let report = report.unwrap();
    assert!(
        matches!(report.shards[0].result, ShardResult::Changed { .. }),
        "{report:#?}"
    );
}

#[tokio::test]
async fn a_changed_file_is_taken_over_with_both_checksums_told() {
    let mut world = World::new(2);
    world.file("V1__a.sql", "CREATE TABLE a(x);");
    world.apply().await.unwrap();
    world.file("V1__a.sql", "CREATE TABLE a(x); -- by ann");
    let setup = world.setup().await;
    let mut wanted = Repair {
        migration: Some("V1".parse().unwrap()),
        dry_run: true,
        only: None,
        gone: false,
        reason: "a comment".into(),
    };
    let report = repair(&setup, &wanted, Arc::new(Blind)).await.unwrap();
    let ShardResult::WouldChange { what } = &report.shards[0].result else {
        panic!("{report:#?}");
    };
    assert!(what[0].contains("became"), "{what:?}");
    assert!(world.apply().await.is_err());
    assert!(acts(&world).await.is_empty(), "a look is no act");
    wanted.dry_run = false;
    repair(&setup, &wanted, Arc::new(Blind)).await.unwrap();
    let kept = acts(&world).await;
    assert_eq!(kept.len(), 2, "{kept:#?}");
    for act in &kept {
        assert_eq!(
            (&*act.verb, &*act.by, &*act.reason),
            ("repair", "ann@test", "a comment")
        );
        let [what] = &act.what[..] else {
            panic!("{act:#?}");
        };
        assert!(
            what.starts_with("V1: checksum") && what.contains("became"),
            "{what}"
        );
    }
    assert_eq!(world.apply().await.unwrap().verdict, Verdict::Done);
}

#[tokio::test]
async fn a_moved_shard_is_accepted_and_a_copy_rebranded() {
    let mut world = World::new(2);
    world.file("V1__a.sql", "CREATE TABLE a(x);");
    world.apply().await.unwrap();
    world.apply().await.unwrap();

    // The first moves to another file.
    std::fs::rename(world.path("s01"), world.folder.path().join("moved.db")).unwrap();
    std::os::unix::fs::symlink(world.folder.path().join("moved.db"), world.path("s01")).unwrap();
    let error = world.apply().await.unwrap_err();
    assert!(error.to_string().contains("may be a copy"), "{error}");
    let report = accept(&world.setup().await, &name("s01"), "rack 4")
        .await
        .unwrap();
    assert!(
        matches!(report.result, ShardResult::Changed { .. }),
        "{report:?}"
    );
    assert_eq!(world.apply().await.unwrap().verdict, Verdict::Done);

    // The second is overwritten by a copy of it.
    std::fs::copy(world.folder.path().join("moved.db"), world.path("s02")).unwrap();
    assert!(world.apply().await.is_err());
    let report = accept(&world.setup().await, &name("s02"), "rack 4")
        .await
        .unwrap();
    assert!(
        matches!(report.result, ShardResult::Refused { .. }),
        "{report:?}"
    );
    let report = rebrand(&world.setup().await, &name("s02"), "rack 4")
        .await
        .unwrap();
    assert!(
        matches!(report.result, ShardResult::Changed { .. }),
        "{report:?}"
    );
    assert_eq!(world.apply().await.unwrap().verdict, Verdict::Done);
    let kept = acts(&world).await;
    let verbs: Vec<_> = kept
        .iter()
        .map(|act| (&*act.verb, act.shard.as_str()))
        .collect();
    assert_eq!(verbs, [("rebrand", "s02"), ("accept", "s01")], "{kept:#?}");
    assert!(kept.iter().all(|act| act.reason == "rack 4"), "{kept:#?}");
    assert!(kept[0].what[0].contains("became"), "{kept:#?}");
}

/// As `status` tells them.
async fn acts(world: &World) -> Vec<Act> {
    let setup = world.setup().await;
    let surveyed = survey_fleet(&setup, None, &Blind).await.unwrap();
    read_status(&setup, &surveyed, Vec::new(), &mut Asked::default())
        .await
        .unwrap()
        .acts
}

#[tokio::test]
async fn which_rollout_brought_what_is_newer_is_asked_of_the_journal_once() {
    let mut world = World::new(1);
    world.file("V1__a.sql", "CREATE TABLE a(x);");
    world.file("V2__b.sql", "CREATE TABLE b(x);");
    assert_eq!(world.apply().await.unwrap().verdict, Verdict::Done);
    world.files.remove("V2__b.sql");
    let setup = world.setup().await;
    let surveyed = survey_fleet(&setup, None, &Blind).await.unwrap();
    let problems = async |asked: &mut Asked| {
        let status = read_status(&setup, &surveyed, Vec::new(), asked).await;
        status.unwrap().shards.remove(0).problems
    };
    let mut asked = Asked::default();
    let first = problems(&mut asked).await;
    assert!(first[0].contains("it came with rollout"), "{first:?}");
    // Nobody reads there again: it would find nothing.
    let store = rusqlite::Connection::open(world.folder.path().join(world.state)).unwrap();
    store
        .execute_batch("PRAGMA foreign_keys = OFF; DELETE FROM rollout")
        .unwrap();
    assert_eq!(problems(&mut asked).await, first);
    let anew = problems(&mut Asked::default()).await;
    assert!(!anew[0].contains("it came with rollout"), "{anew:?}");
}
