//! The server refuses the ALGORITHM or LOCK that is asked for.

use super::super::online;
use crate::{effects::Algorithm, operation::Operation};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, MYSQL, Rule},
};

pub(super) static ALGORITHM_REFUSED: Rule = Rule {
    id: "algorithm-refused",
    group: Group::Locks,
    severity: Some(Severity::Error),
    dialects: MYSQL,
    title: "the server refuses the ALGORITHM or LOCK that is asked for",
    about: "ALGORITHM=INSTANT or INPLACE, and LOCK=NONE, make the server fail rather than do something \
            slower. That is good, but here it will fail on some shard: the clause isn't possible that way in \
            the oldest version.",
    bad: include_str!("algorithm_refused/bad.sql"),
    good: include_str!("algorithm_refused/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let Operation::AlterTable(alter) = scene.operation else {
        return Vec::new();
    };
    let Some(cost) = online::needed(scene) else {
        return Vec::new();
    };
    let asked = alter.algorithm.as_deref().unwrap_or("DEFAULT");
    let refused = match asked {
        "INSTANT" => cost.algorithm != Algorithm::Instant,
        "INPLACE" | "NOCOPY" => cost.algorithm == Algorithm::Copy,
        _ => false,
    };
    let locked = alter.lock.as_deref() == Some("NONE") && cost.writes_wait;
    if !refused && !locked {
        return Vec::new();
    }
    let what = if refused {
        format!("ALGORITHM={asked}")
    } else {
        "LOCK=NONE".to_owned()
    };
    let engine = scene.unit.engine.title();
    Draft::new(scene.whole(), format!("{engine} {} refuses {what} for this", cost.version))
        .decided(cost.decided)
        .why(format!("{} is carried out with ALGORITHM={}{}.", cost.title, cost.algorithm.keyword(), if cost.writes_wait { ", and writes wait" } else { "" }))
        .instead("Leave the clause out: Greylag asks for the lightest way itself, and never falls back to a copy in silence.")
        .alone()
}
