//! Rules by name.

use super::{files, locks, phase, replicas, shards, trace, transactions};
use crate::{rule::Rule, squawk};
use std::sync::LazyLock;

static ALL: LazyLock<Vec<&'static Rule>> = LazyLock::new(|| {
    let groups = [
        locks::RULES,
        transactions::RULES,
        phase::RULES,
        replicas::RULES,
        shards::RULES,
        files::RULES,
        trace::RULES,
    ];
    let own = groups.into_iter().flatten().copied();
    own.chain(squawk::RULES.iter()).collect()
});

/// All rules, by group.
pub fn all() -> &'static [&'static Rule] {
    &ALL
}

/// The rule of this id.
pub fn find(id: &str) -> Option<&'static Rule> {
    all().iter().copied().find(|rule| rule.id == id)
}

pub fn is_known(id: &str) -> bool {
    find(id).is_some()
}

/// The rule whose id is most like this.
pub fn nearest(id: &str) -> Option<&'static str> {
    let distance = |rule: &&Rule| strsim::damerau_levenshtein(rule.id, id);
    let best = all().iter().min_by_key(|rule| distance(rule))?;
    (distance(best) <= 3.max(id.chars().count() / 3)).then_some(best.id)
}
