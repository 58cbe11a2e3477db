//! Several that follow one server and would be reached at one place: they can't be told apart, and one of them would go unseen.

use crate::replicas::topology::{is_usual, place};
use greylag_core::node::Child;
use greylag_engines::Target;

/// Who can't be told apart, and what would mend it.
pub struct Crowd {
    pub why: String,
    pub mend: String,
}

/// The first of them, if there are any.
pub fn crowd(reached: &[(&Child, Option<Target>)]) -> Option<Crowd> {
    let (child, other) = reached
        .iter()
        .enumerate()
        .find_map(|(at, (child, target))| {
            let here = place(target.as_ref()?)?;
            let is_there = |(_, target): &&(&Child, Option<Target>)| {
                target
                    .as_ref()
                    .and_then(place)
                    .is_some_and(|there| there == here)
            };
            let mut others = reached[at + 1..].iter().filter(is_there);
            // One that comes back may be listed twice for a while, by the name that is its own.
            let other =
                others.find(|(other, _)| other.name != child.name || is_usual(&child.name))?;
            Some((*child, other.0))
        })?;
    let address = child.address.as_deref().unwrap_or("one place");
    Some(match child.name == other.name {
        true => Crowd {
            why: format!(
                "two that follow it are both called `{}` and come from {address}",
                child.name
            ),
            mend: "give each a `cluster_name` (or an `application_name` in its `primary_conninfo`) of its own, and write their addresses under `addresses` of [replicas]".into(),
        },
        false => Crowd {
            why: format!(
                "`{}` and `{}` follow it, and both would be reached at {address}",
                child.name, other.name
            ),
            mend: "write the address of each under `addresses` of [replicas]".into(),
        },
    })
}
