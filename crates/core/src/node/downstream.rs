//! Readers of a primary's log that are no nodes of ours: logical slots that no subscriber of the shard reads (CDC).

use super::{Blame, Lag, NodeSighting, NodeState, Slot, Standing, Trail};
use std::collections::BTreeSet;

/// Whether a slot is one by which a subscription copies a table: its subscriber's own, as long as that takes.
pub fn copies_table(slot: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let parts: Vec<&str> = slot.split('_').collect();
    matches!(parts[..], ["pg", subscription, "sync", table, system]
        if is_number(subscription) && is_number(table) && is_number(system))
}

/// The slots that somebody else reads, by name, each with how its reader stands. `subscribers` are the slots of subscribers,
/// which are nodes of their own.
pub fn downstreams(
    primary: &NodeSighting,
    subscribers: &BTreeSet<String>,
    trail: &Trail,
) -> Vec<(String, Standing)> {
    let others = primary
        .slots
        .iter()
        .filter(|slot| slot.logical && !subscribers.contains(&slot.name))
        .filter(|slot| subscribers.is_empty() || !copies_table(&slot.name));
    others
        .map(|slot| (slot.name.clone(), stand(primary, slot, trail)))
        .collect()
}

fn stand(primary: &NodeSighting, slot: &Slot, trail: &Trail) -> Standing {
    let confirmed = slot.confirmed.as_ref();
    let lag = Lag::new(
        confirmed
            .zip(primary.position.as_ref())
            .and_then(|(confirmed, there)| confirmed.behind(there)),
        confirmed.and_then(|confirmed| trail.lag(confirmed, primary.at)),
    );
    let lost = slot.status.as_deref() == Some("lost") || slot.invalidated.is_some();
    let (state, blame) = match (lost, slot.active) {
        (true, _) => {
            let why = slot.invalidated.as_deref().unwrap_or("wal_removed");
            let error = Some(format!("the slot is lost ({why})"));
            (NodeState::Stalled, Some(Blame::Stopped { error }))
        }
        (false, false) => {
            let error = Some("nobody reads the slot".to_owned());
            (NodeState::Stalled, Some(Blame::Disconnected { error }))
        }
        (false, true) => (NodeState::Good, None),
    };
    Standing {
        state,
        lag,
        blame,
        // What is wrong with a slot is told of the server that keeps it.
        findings: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::Engine,
        node::SeenRole,
        position::{Distance, Position},
        survey::Server,
    };
    use jiff::Timestamp;

    fn at(lsn: u64) -> Position {
        Position::Wal {
            system: "1".into(),
            timeline: 1,
            lsn,
        }
    }

    #[test]
    fn slots_that_no_subscriber_reads_are_downstreams_with_a_lag_of_their_own() {
        let server = Server {
            engine: Engine::Postgres,
            version: "15".into(),
            lineage: "1".into(),
            address: "a:1".into(),
            database: "orders".into(),
            dialled: "postgres://a:1/orders".into(),
            instance: None,
        };
        let now = Timestamp::UNIX_EPOCH;
        let mut primary = NodeSighting::bare(now, server, "a:1".into(), SeenRole::Primary);
        primary.position = Some(at(100));
        let slot = |name: &str, logical, active, status: Option<&str>| Slot {
            name: name.into(),
            logical,
            active,
            confirmed: Some(at(60)),
            status: status.map(Into::into),
            ..Slot::default()
        };
        primary.slots = vec![
            slot("cdc", true, true, None),
            slot("mirror", true, true, None),
            slot("standby", false, true, None),
            slot("idle", true, false, None),
            slot("gone", true, false, Some("lost")),
        ];
        let mine = ["mirror".to_owned()].into();
        let found = downstreams(&primary, &mine, &Trail::default());
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["cdc", "idle", "gone"]);
        assert_eq!(found[0].1.state, NodeState::Good);
        assert_eq!(found[0].1.lag.distance, Some(Distance::Bytes(40)));
        assert_eq!(found[1].1.state, NodeState::Stalled);
        assert!(matches!(found[1].1.blame, Some(Blame::Disconnected { .. })));
        assert!(matches!(found[2].1.blame, Some(Blame::Stopped { .. })));
    }

    #[test]
    fn a_slot_by_which_a_table_is_copied_is_known_by_its_name() {
        assert!(copies_table("pg_16390_sync_16459_16218995620553860334"));
        for other in [
            "cdc",
            "pg_16390_sync_16459",
            "pg_a_sync_1_2",
            "my_pg_1_sync_2_3",
        ] {
            assert!(!copies_table(other), "{other}");
        }
    }
}
