//! Replicas replay the lock, and cancel their queries.

use crate::{effects::StandbyEffect, facts::StandbyFacts, finding::Decided};
use crate::{
    finding::Severity,
    judge::{Draft, File},
    rule::{Group, Look, POSTGRES, Rule},
};

pub(super) static STANDBY_LOCK_CONFLICT: Rule = Rule {
    id: "standby-lock-conflict",
    group: Group::Replicas,
    severity: Some(Severity::Note),
    dialects: POSTGRES,
    title: "replicas replay the lock, and cancel their queries",
    about: "Every ACCESS EXCLUSIVE on a table that exists is written to the WAL. When a standby replays it, \
            queries on that table there are cancelled after max_standby_streaming_delay (SQLSTATE 40001); \
            with -1 replay waits for them, for ever. hot_standby_feedback does not help, and neither does \
            lock_timeout. One slow reader holds up the replay of everything.",
    bad: include_str!("standby_lock_conflict/bad.sql"),
    good: include_str!("standby_lock_conflict/good.sql"),
    look: Look::File(look),
};

fn look(file: &File<'_>) -> Vec<Draft> {
    if !file.has_replicas() {
        return Vec::new();
    }
    let mut told: Vec<String> = Vec::new();
    let mut drafts = Vec::new();
    for taken in file.taken.iter().flatten() {
        let table = taken.table.to_string();
        let cancels = taken.is_exclusive() && taken.effect.standby == StandbyEffect::Table;
        // Once for each table: what comes later in the file changes nothing about it.
        if !cancels || told.contains(&table) {
            continue;
        }
        let draft = Draft::new(taken.span.clone(), format!("queries on {table} are cancelled on replicas"))
            .why(format!("Readers of {table} on a standby get an error they may not expect on a read (SQLSTATE 40001)."))
            .replicas("The lock is in the WAL; until it is replayed nothing after it is, on any table.")
            .instead("Do it in a quiet hour; let readers there retry; keep long reports away from it.");
        drafts.push(seen(file, draft));
        told.push(table);
    }
    drafts
}

/// What the standbys of the fleet make of it.
fn seen(file: &File<'_>, draft: Draft) -> Draft {
    let Some(fleet) = file.fleet.filter(|fleet| !fleet.standbys.is_empty()) else {
        return draft;
    };
    let draft = draft.decided(Decided::Fleet);
    let waits = fleet
        .standbys
        .iter()
        .find(|standby| standby.conflict_delay_ms < 0);
    let reads = fleet
        .standbys
        .iter()
        .max_by_key(|standby| standby.oldest_reader_ms);
    let name = |standby: &StandbyFacts| format!("{}/{}", standby.shard, standby.node);
    if let Some(standby) = waits {
        let text = format!(
            "{} waits for its readers for ever (max_standby_streaming_delay = -1): one of them stops all replay.",
            name(standby)
        );
        return draft.severity(Severity::Error).replicas(text);
    }
    match reads.and_then(|standby| Some((standby, standby.oldest_reader_ms?))) {
        Some((standby, age))
            if i64::try_from(age).unwrap_or(i64::MAX) > standby.conflict_delay_ms.max(1_000) =>
        {
            let seconds = age / 1_000;
            let text = format!(
                "{} has a query that has been reading for {seconds} s: it will be cancelled.",
                name(standby)
            );
            draft.severity(Severity::Warning).replicas(text)
        }
        _ => draft,
    }
}
