//! More is written to the log than replicas are given room for.

use crate::{
    effects::Wal,
    finding::Decided,
    operation::{Operation, Verb},
};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, POSTGRES, Rule},
};

pub(super) static WAL_BUDGET: Rule = Rule {
    id: "wal-budget",
    group: Group::Replicas,
    severity: Some(Severity::Warning),
    dialects: POSTGRES,
    title: "more is written to the log than replicas are given room for",
    about: "A rewrite writes the table and its indexes into the WAL, an index itself, an UPDATE two to four \
            times its rows. What a slot may fall behind (max_slot_wal_keep_size) or a limit of the project's \
            (`[lint.thresholds] wal-bytes`) is compared with the largest shard's sizes.",
    bad: include_str!("wal_budget/bad.sql"),
    good: include_str!("wal_budget/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let Some(fleet) = scene.fleet else {
        return Vec::new();
    };
    let slot = fleet
        .slots
        .iter()
        .filter_map(|slot| Some((slot.headroom_bytes?, slot)))
        .min_by_key(|(bytes, _)| *bytes);
    let limit = scene.settings.thresholds.wal_bytes;
    let mut drafts = Vec::new();
    for taken in scene.taken() {
        let Some(facts) = scene.facts(&taken.table) else {
            continue;
        };
        let bytes = match taken.effect.wal {
            Wal::Small => continue,
            // One index of several: a third of them is a fair guess, and said to be one.
            Wal::Index => facts.index_bytes.max(facts.table_bytes / 3) / 2,
            Wal::Indexes => facts.index_bytes,
            Wal::Table => facts.table_bytes + facts.index_bytes,
            Wal::Rows => match scene.operation {
                Operation::Write(write)
                    if !write.batched
                        && write.verb != Verb::Insert
                        && write.condition.is_none() =>
                {
                    facts.table_bytes * 4
                }
                _ => continue,
            },
        };
        let over_slot = slot.filter(|(headroom, _)| bytes > *headroom);
        if bytes <= limit && over_slot.is_none() {
            continue;
        }
        let megabytes = bytes / 1_000_000;
        let mut draft = Draft::new(
            taken.span.clone(),
            format!(
                "about {megabytes} MB go into the log for {} on {}",
                taken.table, facts.largest_shard
            ),
        )
        .decided(Decided::Fleet)
        .why(format!(
            "That is more than the {} MB that one migration may write on a shard.",
            limit / 1_000_000
        ))
        .replicas("Replicas lag until they have received and replayed all of it.")
        .instead("Go in batches, or build what is new beside the old, and keep an eye on the lag.");
        if let Some((headroom, slot)) = over_slot {
            draft = draft.severity(Severity::Error).why(format!(
                "The slot {} on {} may fall behind by {} MB more; after that it is lost, and whoever reads it starts anew.",
                slot.name, slot.shard, headroom / 1_000_000
            ));
        }
        drafts.push(draft);
    }
    drafts
}
