//! The lock is held while the transaction does other things.

use crate::effects::{Rewrite, Role, Taken};
use crate::{
    finding::Severity,
    judge::{Draft, File},
    rule::{Group, Look, POSTGRES, Rule},
};

pub(super) static EXCLUSIVE_LOCK_HELD: Rule = Rule {
    id: "exclusive-lock-held",
    group: Group::Replicas,
    severity: Some(Severity::Warning),
    dialects: POSTGRES,
    title: "the lock is held while the transaction does other things",
    about: "A standby holds a replayed ACCESS EXCLUSIVE from its own record to that of the commit. All \
            readers that come meanwhile wait for the rest of the primary's transaction, whatever it does; \
            lock_timeout on the primary changes nothing about it. The statement that locks comes last, or \
            alone.",
    bad: include_str!("exclusive_lock_held/bad.sql"),
    good: include_str!("exclusive_lock_held/good.sql"),
    look: Look::File(look),
};

fn look(file: &File<'_>) -> Vec<Draft> {
    let mut held: Option<(usize, usize, String)> = None;
    let mut drafts = Vec::new();
    for (index, taken) in file.taken.iter().enumerate() {
        let Some(transaction) = file.transactions[index] else {
            continue;
        };
        let long = taken
            .iter()
            .find(|t| t.effect.scan || t.effect.rewrite != Rewrite::None);
        if let (Some((first, of, table)), Some(long)) = (&held, long) {
            let same = *of == transaction && *first != index;
            let own = &long.table.to_string() == table && long.is_exclusive();
            if same && !own {
                let title = format!(
                    "{table} stays locked while {} is read or written",
                    long.table
                );
                drafts.push(
                    Draft::new(file.span(*first), title)
                        .sized(&file.size(&long.table))
                        .why("Nobody may read the locked table until the transaction ends, and what follows takes as long as its table is large.")
                        .replicas("A standby holds the lock from here to the commit: readers that come there wait all the while.")
                        .instead("Put the statement that locks last, or into a file of its own."),
                );
                held = None;
                continue;
            }
        }
        if held.as_ref().is_none_or(|(_, of, _)| *of != transaction) {
            // Nobody waits for a table that goes.
            let goes = |t: &Taken| t.effect.id == "drop-table" && t.role == Role::Target;
            let locked = taken.iter().find(|t| t.is_exclusive() && !goes(t));
            held = locked.map(|taken| (index, transaction, taken.table.to_string()));
        }
    }
    drafts
}
