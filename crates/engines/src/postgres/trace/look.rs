//! What is seen before and after a statement, and what the two say of it.

use greylag_core::trace::{Measured, Relation, TakenLock};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// From the weakest that counts.
const LOCKS: [(&str, &str); 7] = [
    ("RowShareLock", "ROW SHARE"),
    ("RowExclusiveLock", "ROW EXCLUSIVE"),
    ("ShareUpdateExclusiveLock", "SHARE UPDATE EXCLUSIVE"),
    ("ShareLock", "SHARE"),
    ("ShareRowExclusiveLock", "SHARE ROW EXCLUSIVE"),
    ("ExclusiveLock", "EXCLUSIVE"),
    ("AccessExclusiveLock", "ACCESS EXCLUSIVE"),
];

/// The query, about the session of this pid.
pub(super) fn query(pid: i32) -> String {
    include_str!("look.sql").replace("{pid}", &pid.to_string())
}

/// What is there at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Look {
    /// Bytes of log written since there was a log.
    pub(super) log: u64,
    pub(super) relations: BTreeMap<u64, Known>,
    pub(super) locks: BTreeSet<(u64, String)>,
    /// The session waits for somebody.
    pub(super) waits: bool,
    /// How often each table was read from its beginning, by this session.
    pub(super) reads: BTreeMap<u64, u64>,
}

#[derive(Clone, Debug)]
pub(super) struct Known {
    schema: String,
    name: String,
    kind: String,
    file: Option<u64>,
    index_of: Option<u64>,
}

#[derive(Deserialize)]
struct Answer {
    lsn: u64,
    relations: Option<Vec<(u64, String, String, String, Option<u64>, Option<u64>)>>,
    locks: Option<Vec<(u64, String)>>,
    waits: bool,
    reads: Option<Vec<(u64, u64)>>,
}

impl Look {
    pub(super) fn parse(text: &str) -> Result<Look, serde_json::Error> {
        let answer: Answer = serde_json::from_str(text)?;
        let relations = answer.relations.into_iter().flatten();
        Ok(Look {
            log: answer.lsn,
            relations: relations
                .map(|(oid, schema, name, kind, file, index_of)| {
                    let known = Known {
                        schema,
                        name,
                        kind,
                        file,
                        index_of,
                    };
                    (oid, known)
                })
                .collect(),
            locks: answer.locks.into_iter().flatten().collect(),
            waits: answer.waits,
            reads: answer.reads.into_iter().flatten().collect(),
        })
    }

    /// Nothing is locked any more: the transaction is over.
    pub(super) fn unlocked(mut self) -> Look {
        self.locks.clear();
        self
    }
}

impl Known {
    /// A table that can be locked by its name.
    pub(super) fn is_table(&self) -> bool {
        matches!(&*self.kind, "r" | "p")
    }

    pub(super) fn place(&self) -> (&str, &str) {
        (&self.schema, &self.name)
    }
}

/// Names relations as a person of the project would.
pub(super) struct Names<'a> {
    /// The schema that a name alone leads to.
    pub(super) home: &'a str,
    /// Before the script.
    pub(super) first: &'a Look,
}

impl Names<'_> {
    fn plain(&self, known: &Known) -> String {
        match known.schema == self.home {
            true => known.name.clone(),
            false => format!("{}.{}", known.schema, known.name),
        }
    }

    /// By its name before the statement, or after it where it was not there.
    pub(super) fn relation(&self, oid: u64, before: &Look, after: &Look) -> Option<Relation> {
        let find = |oid: u64| {
            before
                .relations
                .get(&oid)
                .or_else(|| after.relations.get(&oid))
        };
        let known = find(oid)?;
        let table = known.index_of.and_then(find);
        Some(Relation {
            name: self.plain(known),
            index_of: table.map(|table| self.plain(table)),
            new: !self.first.relations.contains_key(&oid),
        })
    }

    /// What a statement did, between two looks.
    pub(super) fn measure(&self, before: &Look, after: &Look, took: Duration) -> Measured {
        let name = |oid: &u64| self.relation(*oid, before, after);
        let (rewritten, built) = files(before, after);
        let read = after.reads.iter().filter(|(oid, count)| {
            let earlier = before.reads.get(*oid).copied().unwrap_or(0);
            **count > earlier
        });
        Measured {
            duration_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            locks: self.locks(before, after),
            rewritten: rewritten.iter().filter_map(name).collect(),
            built: built.iter().filter_map(name).collect(),
            read: Some(read.filter_map(|(oid, _)| name(oid)).collect()),
            log_bytes: after.log.saturating_sub(before.log),
            ..Measured::default()
        }
    }

    fn locks(&self, before: &Look, after: &Look) -> Vec<TakenLock> {
        let earlier = strongest(before);
        let found = strongest(after).into_iter().filter_map(|(oid, strength)| {
            Some(TakenLock {
                on: self.relation(oid, before, after)?,
                mode: LOCKS[strength].1.to_owned(),
                held: earlier.get(&oid).is_some_and(|held| *held >= strength),
            })
        });
        let mut found: Vec<TakenLock> = found.collect();
        found.sort_by(|a, b| (&a.on.index_of, &a.on.name).cmp(&(&b.on.index_of, &b.on.name)));
        found
    }
}

/// The strongest lock on each relation, as its place in the list.
fn strongest(look: &Look) -> BTreeMap<u64, usize> {
    let mut found: BTreeMap<u64, usize> = BTreeMap::new();
    for (oid, mode) in &look.locks {
        if let Some(strength) = LOCKS.iter().position(|(name, _)| name == mode) {
            let known = found.entry(*oid).or_default();
            *known = (*known).max(strength);
        }
    }
    found
}

/// Relations whose files are others than before, and relations that are new. An index that was built anew beside the old one
/// is another relation of the same name.
fn files(before: &Look, after: &Look) -> (Vec<u64>, Vec<u64>) {
    let (mut rewritten, mut built) = (Vec::new(), Vec::new());
    for (oid, now) in &after.relations {
        let same = |(_, then): &(&u64, &Known)| {
            then.kind == "i"
                && now.kind == "i"
                && (&then.schema, &then.name, then.index_of)
                    == (&now.schema, &now.name, now.index_of)
        };
        match before.relations.get(oid) {
            Some(then) if then.file != now.file => rewritten.push(*oid),
            Some(_) => {}
            None => match before.relations.iter().find(same) {
                Some((old, _)) => rewritten.push(*old),
                None => built.push(*oid),
            },
        }
    }
    (rewritten, built)
}
