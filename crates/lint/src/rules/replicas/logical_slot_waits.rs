//! A logical slot can't go on while a long transaction runs.

use crate::effects::{Rewrite, Taken, Wal};
use crate::{
    facts::SlotFacts,
    finding::{Decided, Severity},
    judge::{Draft, Scene},
    rule::{Group, Look, POSTGRES, Rule},
};

pub(super) static LOGICAL_SLOT_WAITS: Rule = Rule {
    id: "logical-slot-waits",
    group: Group::Replicas,
    severity: Some(Severity::Note),
    dialects: POSTGRES,
    title: "a logical slot can't go on while a long transaction runs",
    about: "A logical slot reads the log again from the oldest transaction that was open, and needs the catalog as it was then (catalog_xmin). While a table is written \
            anew or an index built in a transaction, the slot keeps all that is logged meanwhile, vacuum takes no row out of the system catalogs, and a new \
            slot or subscription waits for the end. With the fleet at hand, and a logical slot on it, such a statement is told for tables that aren't small; \
            what it writes itself is in `wal-budget`.",
    bad: include_str!("logical_slot_waits/bad.sql"),
    good: include_str!("logical_slot_waits/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let slots = scene.fleet.map_or(&[][..], |fleet| &fleet.slots);
    let logical: Vec<&SlotFacts> = slots.iter().filter(|slot| slot.logical).collect();
    let Some(slot) = logical.first() else {
        return Vec::new();
    };
    let long = |taken: &Taken| {
        let effect = taken.effect;
        let writes = effect.rewrite != Rewrite::None || effect.wal == Wal::Index;
        // CONCURRENTLY has a number of its own only for moments.
        let one = scene.transaction().is_some() || !effect.outside_transaction;
        writes && one && scene.size(&taken.table).severity != Some(Severity::Note)
    };
    let taken = scene.taken();
    let Some(first) = taken.iter().find(|taken| long(taken)) else {
        return Vec::new();
    };
    let others = match logical.len() {
        1 => String::new(),
        more => format!(", one of {more} on the fleet"),
    };
    Draft::new(scene.whole(), format!("the slot {} can't go on while {} is worked on", slot.name, first.table))
        .decided(Decided::Fleet)
        .why(format!(
            "{} is logical, on {}{others}: it keeps the log from the beginning of the oldest open transaction on, and the catalog's old rows with it.",
            slot.name, slot.shard
        ))
        .replicas("Subscribers get none of what is committed late in it before its end, and a new subscription waits for it.")
        .instead("Keep such a statement alone in its file, make the index CONCURRENTLY, and fill something new beside the old with a backfill.")
        .alone()
}
