//! Whether what a rule says of a statement is what was measured.

use super::{Draft, Scene, carried::heavier};
use crate::{
    effects::{Rewrite, Role, StandbyEffect, Taken},
    finding::Severity,
    operation::{Name, Operation},
};
use greylag_core::{
    engine::Dialect,
    trace::{Measured, Relation},
};

/// What a rule's findings stand or fall with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aspect {
    /// The lock that the effect has, or a stronger one.
    Lock,
    /// The table has other files.
    Rewrite,
    /// The table was read from its beginning.
    Scan,
    /// An index was built.
    Build,
    /// A replica locks the table.
    ReplayedTable,
    /// A replica locks an index.
    ReplayedIndex,
    /// The server said that it copied the table.
    Copy,
    /// A table was written anew or an index built: a replica repeats it as one piece.
    Work,
    /// The server refuses it.
    Refusal,
}

/// None for rules whose matter can't be measured on one server: names, phases, shards, other programs.
fn aspects(rule: &str) -> &'static [Aspect] {
    use Aspect::*;
    match rule {
        "add-check-scan"
        | "add-foreign-key-scan"
        | "set-not-null-scan"
        | "attach-partition-scan"
        | "primary-key-scans-for-nulls" => &[Lock, Scan],
        "add-column-rewriting" | "change-type-rewriting" | "table-rewrite" => &[Lock, Rewrite],
        "add-index-blocking" | "add-unique-blocking" => &[Lock, Build],
        "create-partition-locks-parent"
        | "detach-partition-blocking"
        | "drop-index-blocking"
        | "explicit-lock"
        | "foreign-key-drop-locks-both"
        | "reference-locks-other"
        | "refresh-view-blocking"
        | "reindex-blocking"
        | "several-tables-locked" => &[Lock],
        "validate-in-same-transaction" => &[Scan],
        "standby-lock-conflict" => &[ReplayedTable],
        "exclusive-lock-held" => &[Lock, ReplayedTable],
        "concurrently-cancels-standby" => &[ReplayedIndex],
        "copies-table" => &[Copy],
        "replayed-as-a-whole" => &[Work],
        "concurrently-in-transaction"
        | "concurrently-on-partitioned"
        | "algorithm-refused"
        | "vacuum-in-transaction" => &[Refusal],
        _ => &[],
    }
}

/// One finding's statement.
pub(super) struct Case<'a> {
    /// What the effects say of the clause that the finding is about.
    pub(super) taken: Vec<&'a Taken>,
    /// None: it was refused, or never run.
    pub(super) measured: Option<&'a Measured>,
    pub(super) refused: bool,
}

/// Whether it is as the rule says; None where that could not be measured.
pub(super) fn verdict(rule: &str, case: &Case<'_>) -> Option<bool> {
    let answers: Vec<bool> = aspects(rule)
        .iter()
        .filter_map(|a| answer(*a, case))
        .collect();
    (!answers.is_empty()).then(|| answers.into_iter().all(|held| held))
}

fn answer(aspect: Aspect, case: &Case<'_>) -> Option<bool> {
    if aspect == Aspect::Refusal {
        return (case.refused || case.measured.is_some()).then_some(case.refused);
    }
    let measured = case.measured?;
    let tables = || case.taken.iter().map(|taken| &taken.table);
    Some(match aspect {
        Aspect::Lock => {
            let locks: Vec<(&Name, &str)> = case
                .taken
                .iter()
                .filter_map(|taken| Some((&taken.table, taken.lock()?)))
                .collect();
            match locks.is_empty() {
                true => measured.locks.iter().any(|lock| blocks(&lock.mode)),
                false => locks
                    .iter()
                    .all(|(table, lock)| has_lock(measured, table, lock)),
            }
        }
        Aspect::Rewrite => case.taken.iter().any(|taken| was_written(taken, measured)),
        Aspect::Scan => {
            let read = measured.read.as_ref()?;
            tables().any(|table| names_any(read, table))
        }
        Aspect::Build => measured.built.iter().any(|built| built.index_of.is_some()),
        Aspect::ReplayedTable => {
            let replayed = measured.replayed_locks.as_ref()?;
            tables().any(|table| names_any(replayed, table))
        }
        Aspect::ReplayedIndex => {
            // One that an earlier statement of the script has made may be in use by now.
            let replayed = measured.replayed_locks.as_ref()?;
            replayed.iter().any(|one| one.index_of.is_some())
        }
        Aspect::Copy => measured.algorithm.as_deref() == Some("COPY"),
        Aspect::Work => {
            let index = |one: &Relation| one.index_of.is_some();
            !measured.rewritten.is_empty() || measured.built.iter().any(index)
        }
        Aspect::Refusal => case.refused,
    })
}

/// Whether what the effect says to be written anew was; where that is nothing, whether the table was read.
fn was_written(taken: &Taken, measured: &Measured) -> bool {
    match taken.effect.rewrite {
        Rewrite::Table => names_any(&measured.rewritten, &taken.table),
        Rewrite::Indexes => {
            let of_table = |one: &Relation| {
                one.index_of.as_ref().is_some_and(|table| {
                    let table = Relation {
                        name: table.clone(),
                        index_of: None,
                        new: false,
                    };
                    is(&table, &taken.table)
                })
            };
            let mut files = measured.rewritten.iter().chain(&measured.built);
            files.any(of_table)
        }
        Rewrite::None => {
            let read = measured.read.as_ref();
            taken.effect.scan && read.is_some_and(|read| names_any(read, &taken.table))
        }
    }
}

fn has_lock(measured: &Measured, table: &Name, lock: &str) -> bool {
    let taken = measured.lock_on(|relation| is(relation, table));
    // A matview's or index's own lock counts where the table is named by it.
    taken.is_some_and(|taken| strength(&taken.mode) >= strength(lock))
}

fn names_any(relations: &[Relation], table: &Name) -> bool {
    relations.iter().any(|relation| is(relation, table))
}

fn name_of(relation: &Relation) -> Name {
    let (schema, name) = match relation.name.split_once('.') {
        Some((schema, name)) => (Some(schema.to_owned()), name),
        None => (None, relation.name.as_str()),
    };
    Name {
        schema,
        name: name.to_owned(),
        span: 0..0,
    }
}

/// A name without a schema leads to the usual one, as the trace writes it.
fn is(relation: &Relation, name: &Name) -> bool {
    let plain = relation.name.rsplit('.').next().unwrap_or(&relation.name);
    let same = |a: &str, b: &str| a == b || a.eq_ignore_ascii_case(b);
    match (&name.schema, relation.name.split_once('.')) {
        (Some(schema), Some((other, _))) => same(schema, other) && same(&name.name, plain),
        _ => same(&name.name, plain),
    }
}

const STRENGTHS: [&str; 7] = [
    "ROW SHARE",
    "ROW EXCLUSIVE",
    "SHARE UPDATE EXCLUSIVE",
    "SHARE",
    "SHARE ROW EXCLUSIVE",
    "EXCLUSIVE",
    "ACCESS EXCLUSIVE",
];

fn strength(lock: &str) -> usize {
    let found = STRENGTHS.iter().position(|known| *known == lock);
    found.map_or(0, |at| at + 1)
}

/// Whether somebody who only writes rows has to wait.
fn blocks(lock: &str) -> bool {
    strength(lock) >= strength("SHARE")
        || matches!(lock, "SHARED NO WRITE" | "SHARED NO READ WRITE")
}

/// What was seen and nobody had said: locks that keep writers out, tables written anew, tables read under such a lock.
pub(super) fn unforeseen(scene: &Scene<'_>, said: &[Taken], measured: &Measured) -> Option<Draft> {
    let mut told = Vec::new();
    // MySQL takes all of a table for a moment in every ALTER, and its effects are by clause.
    let by_clause = !matches!(
        scene.operation,
        Operation::Opaque { .. } | Operation::Unknown { .. }
    ) && said.is_empty();
    let of = |relation: &Relation| {
        let table = relation
            .index_of
            .as_deref()
            .unwrap_or(&relation.name)
            .to_owned();
        said.iter().filter(move |taken| {
            let relation = Relation {
                name: table.clone(),
                index_of: None,
                new: false,
            };
            is(&relation, &taken.table)
        })
    };
    // What goes out with what it uses is used by nobody else yet.
    let old = |relation: &&Relation| {
        !relation.new && relation.index_of.is_none() && !scene.is_new(&name_of(relation))
    };
    let mut locked: Vec<(&str, Vec<&str>)> = Vec::new();
    for lock in measured
        .locks
        .iter()
        .filter(|lock| !lock.held && old(&&lock.on))
    {
        let foreseen = of(&lock.on).any(|taken| {
            taken
                .lock()
                .is_some_and(|known| strength(known) >= strength(&lock.mode))
        });
        if !blocks(&lock.mode) || foreseen || by_clause && scene.dialect_has_no_effects() {
            continue;
        }
        match locked.iter_mut().find(|(mode, _)| *mode == lock.mode) {
            Some((_, names)) => names.push(&lock.on.name),
            None => locked.push((&lock.mode, vec![&lock.on.name])),
        }
    }
    for (mode, names) in &locked {
        told.push(format!("{mode} on {}", some(names)));
    }
    let rewritten: Vec<&str> = measured
        .rewritten
        .iter()
        .filter(old)
        .filter(|table| !of(table).any(|taken| taken.effect.rewrite == Rewrite::Table))
        .filter(|_| !(by_clause && scene.dialect_has_no_effects()))
        .map(|table| &*table.name)
        .collect();
    if !rewritten.is_empty() {
        told.push(format!("{} written anew", some(&rewritten)));
    }
    let read: Vec<&str> = measured
        .read
        .iter()
        .flatten()
        .filter(old)
        // Who writes it anew reads it, or empties it.
        .filter(|table| !measured.rewritten.contains(table))
        .filter(|table| {
            let locked = measured.lock_on(|relation| relation.name == table.name);
            locked.is_some_and(|lock| blocks(&lock.mode))
                && !of(table).any(|taken| taken.effect.scan)
        })
        .map(|table| &*table.name)
        .collect();
    if !read.is_empty() {
        told.push(format!("{} read under its lock", some(&read)));
    }
    let indexes: Vec<&str> = measured
        .replayed_locks
        .iter()
        .flatten()
        .filter(|one| !one.new && one.index_of.is_some())
        .filter(|index| {
            !of(index).any(|taken| {
                taken.effect.standby != StandbyEffect::None || taken.role == Role::Index
            })
        })
        .map(|index| &*index.name)
        .collect();
    if !indexes.is_empty() {
        told.push(format!("{} locked on replicas", some(&indexes)));
    }
    let heavier = match scene.dialect() {
        Dialect::Mysql if by_clause => heavier(scene, measured),
        _ => None,
    };
    let grave = heavier.is_some() || !rewritten.is_empty() || !locked.is_empty();
    told.extend(heavier);
    if told.is_empty() {
        return None;
    }
    let mut draft = Draft::new(scene.whole(), format!("the trace saw {}", told.join("; ")))
        .why("It happened on the scratch server, and nothing in the text had told so.")
        .instead("Judge it as if its text had said so: look up the lock or the rewrite in the rules, and do what they say.");
    let exclusive = |(mode, _): &(&str, Vec<&str>)| *mode == "ACCESS EXCLUSIVE";
    if locked.iter().any(exclusive) && scene.has_replicas() {
        draft = draft.replicas("Replicas replay the lock, and cancel who reads there.");
    }
    if !grave {
        draft = draft.severity(Severity::Note);
    }
    Some(draft)
}

/// A few of the names, and how many more there are.
fn some(names: &[&str]) -> String {
    match names {
        [first, second, third, rest @ ..] if !rest.is_empty() => {
            format!("{first}, {second}, {third} and {} more", rest.len())
        }
        all => all.join(", "),
    }
}
