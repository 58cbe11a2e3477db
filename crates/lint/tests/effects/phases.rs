//! Where in a change an operation belongs, against what the rules of phases say of its statements.

use greylag_core::engine::{Dialect, Engine};
use greylag_lint::{
    Group, Settings, Unit,
    effects::{self, Fits},
    lint, rules,
};
use std::collections::BTreeMap;

const FIXTURE: &str = include_str!("../../effects/postgres.sql");

#[test]
fn every_effect_belongs_where_the_rules_of_phases_let_it_pass() {
    let mut wrong = Vec::new();
    for effect in effects::all(Dialect::Postgres) {
        let told = |phase: &str| {
            let statements = effect.sql.iter().map(|sql| told(phase, sql));
            statements.max_by_key(Vec::len).unwrap_or_default()
        };
        let (expand, backfill) = (told("expand"), told("backfill"));
        let is = match (
            expand.is_empty(),
            backfill.iter().any(|id| id == "backfill-changes-schema"),
        ) {
            (false, _) => Fits::Contract,
            (true, true) => Fits::Expand,
            (true, false) => Fits::Any,
        };
        if effect.phase != is {
            wrong.push(format!(
                "{}: said {:?}, is {is:?}: {expand:?} {backfill:?}",
                effect.id, effect.phase
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The rules of phases that speak about a statement in a file of this phase.
fn told(phase: &str, sql: &str) -> Vec<String> {
    let none = BTreeMap::new();
    let read =
        |script, text: &str| Unit::read(Engine::Postgres, script, text.as_bytes(), None, &none);
    // A backfill without its batch is none.
    let batch = match phase {
        "backfill" => "UPDATE holder SET id = id WHERE :batch;\n",
        _ => "",
    };
    let text = format!("-- greylag:phase {phase}\n-- greylag:change c\n{batch}{sql};\n");
    let units = [
        read("V1__given.sql", FIXTURE).earlier(),
        read("V2__judged.sql", &text),
    ];
    assert!(units[1].content.is_ok(), "{text}: {:?}", units[1].content);
    let report = lint(&units, &Settings::default(), None);
    let of_phase = |id: &str| rules::find(id).is_some_and(|rule| rule.group == Group::Phase);
    // Batches are the matter of how, not of when.
    let ids = report.findings.into_iter().map(|finding| finding.rule);
    ids.filter(|id| of_phase(id) && id != "write-without-batch")
        .collect()
}
