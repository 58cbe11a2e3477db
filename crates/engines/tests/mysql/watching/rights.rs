//! Accounts that may not see everything: what they can't see is never zero, and the grant they are told mends it.

use super::scene::{is_level, on_both_clusters, replay, watch};
use greylag_core::node::{ReplayState, SeenRole, Unobservable};

fn mends(unobservable: &[Unobservable]) -> Vec<&str> {
    unobservable.iter().map(|u| u.mend.as_str()).collect()
}

on_both_clusters!(what_an_account_may_not_see_is_said_with_the_grant_that_mends_it(scene, 1) {
    let replica = scene.cluster.replica(0);
    let plain = scene.target(replica, "greylag_plain");
    let mut below = watch(&plain).await;
    let seen = below.look().await;
    assert_eq!(seen.role, SeenRole::Replica, "it gives itself away");
    assert!(seen.position.is_some(), "positions are for everybody");
    assert_eq!(replay(&seen).state, ReplayState::Unknown);
    assert_eq!(replay(&seen).lag, None);
    assert!(seen.upstream.is_none() && seen.oldest.is_none());
    let told = mends(&seen.unobservable);
    let expected: &[&str] = match scene.is_mysql() {
        true => &["REPLICATION CLIENT ON *.*", "SELECT ON performance_schema.*", "PROCESS ON *.*", "REPLICATION SLAVE ON *.*"],
        false => &["SLAVE MONITOR ON *.*", "PROCESS ON *.*", "REPLICATION MASTER ADMIN ON *.*"],
    };
    for grant in expected {
        let whole = format!("GRANT {grant} TO 'greylag_plain'@'%'");
        assert!(told.contains(&whole.as_str()), "{whole} in {told:?}");
    }
    // A second look asks nothing that was refused, and says the same.
    let again = below.look().await;
    assert_eq!(again.unobservable, seen.unobservable);
    assert_eq!(again.role, SeenRole::Replica);

    assert_eq!(told.len(), expected.len(), "each grant once: {told:?}");
    for grant in told {
        scene.write(grant).await;
    }
    scene.cluster.wait_replayed().await.unwrap();
    let mut below = watch(&plain).await;
    let seen = below.until("a level replica", |seen| seen.upstream.is_some() && is_level(seen)).await;
    assert_eq!(seen.unobservable, []);
});

on_both_clusters!(a_stopped_replica_without_rights_to_see_it_is_not_taken_for_level(scene, 1) {
    scene.cluster.pause_replay(0).await.unwrap();
    scene.write("INSERT INTO t VALUES (1, 1)").await;
    let seen = watch(&scene.target(scene.cluster.replica(0), "greylag_plain")).await.look().await;
    assert!(!seen.unobservable.is_empty());
    assert!(seen.replay.as_ref().is_none_or(|replay| replay.lag.is_none()), "{seen:#?}");
});

on_both_clusters!(doctor_asks_for_what_watching_needs_and_is_content_with_it(scene, 0) {
    let primary = scene.cluster.primary();
    scene.write(&format!("GRANT ALL PRIVILEGES ON `{}`.* TO greylag_plain@'%'", scene.database)).await;
    let plain = scene.target(primary, "greylag_plain");
    let diagnose = async || {
        let mut session = greylag_engines::open(&plain).await.unwrap();
        session.diagnose().await.unwrap()
    };
    let grants: Vec<String> = diagnose().await.into_iter()
        .filter_map(|line| line.mend.filter(|mend| mend.starts_with("GRANT ")))
        .collect();
    assert!(grants.len() >= 3, "{grants:?}");
    for grant in &grants {
        scene.write(grant.trim_end_matches(';')).await;
    }
    let lines = diagnose().await;
    assert!(!lines.iter().any(|line| line.mend.as_ref().is_some_and(|mend| mend.starts_with("GRANT "))), "{lines:?}");
    assert_eq!(watch(&plain).await.look().await.unobservable, []);
});
