//! Where in a change a statement belongs, against what the rules of phases say of it.

use greylag_core::engine::{Dialect, Engine};
use greylag_lint::{
    Group, Settings, Severity, Unit,
    effects::{self, Fits},
    lint, rules,
};
use std::collections::BTreeMap;

const FIXTURE: &str = include_str!("../../effects/postgres.sql");

#[test]
fn every_statement_belongs_where_the_rules_of_phases_let_it_pass() {
    let mut wrong = Vec::new();
    for effect in effects::all(Dialect::Postgres) {
        for form in &effect.does {
            for sql in &form.sql {
                let (expand, backfill) = (told("expand", sql), told("backfill", sql));
                let work = !backfill.iter().any(|id| id == "backfill-changes-schema");
                let is = match (expand.is_empty(), work) {
                    (false, _) => Fits::Contract,
                    (true, false) => Fits::Expand,
                    (true, true) => Fits::Any,
                };
                if form.phase != is {
                    let (id, phase) = (&effect.id, form.phase);
                    wrong.push(format!(
                        "{id}: {sql}: said {phase:?}, is {is:?}: {expand:?} {backfill:?}"
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_verb_of_a_title_is_measured_by_a_statement_of_its_own() {
    let mut unmeasured = Vec::new();
    let all = effects::all(Dialect::Postgres).iter();
    for form in all.flat_map(|effect| &effect.does) {
        for verb in verbs(&form.title) {
            if !form.sql.iter().any(|sql| has(sql, &verb)) {
                unmeasured.push(format!("{}: {}", form.title, verb.join(" ")));
            }
        }
    }
    assert!(unmeasured.is_empty(), "{}", unmeasured.join("\n"));
}

/// `SET DEFAULT, DROP … TABLE of a partition`: what each part of it begins with in capitals.
fn verbs(title: &str) -> Vec<Vec<&str>> {
    let parts = title.split([',', ';', ':', '(', ')']);
    let parts = parts.flat_map(|part| part.split(" or "));
    let capitals = |word: &&str| {
        *word == "…" || !word.is_empty() && word.chars().all(|letter| letter.is_ascii_uppercase())
    };
    let verbs = parts.map(|part| {
        let words = part.split_whitespace().take_while(capitals);
        words.filter(|word| *word != "…").collect::<Vec<_>>()
    });
    verbs.filter(|verb| !verb.is_empty()).collect()
}

/// Whether a statement has these words in this order.
fn has(sql: &str, words: &[&str]) -> bool {
    let sql = sql.to_uppercase();
    let mut rest = sql.as_str();
    words.iter().all(|word| match rest.split_once(word) {
        Some((_, behind)) => {
            rest = behind;
            true
        }
        None => false,
    })
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
    // A note takes nothing from anybody. Batches are the matter of how, not of when.
    let findings = report.findings.into_iter();
    let grave = findings.filter(|finding| finding.severity != Severity::Note);
    let ids = grave.map(|finding| finding.rule);
    ids.filter(|id| of_phase(id) && id != "write-without-batch")
        .collect()
}
