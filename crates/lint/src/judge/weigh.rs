//! What a trace saw against what the rules said: each finding is confirmed or contradicted, and what nobody had said is told.

use super::{
    File, Scene,
    run::{finish, habits, labels, level, operations, stages},
    scene::transactions,
    verdict::{Case, unforeseen, verdict},
};
use crate::{
    allow,
    catalog::Catalog,
    effects::{self, Taken},
    facts::FleetFacts,
    finding::{Decided, Finding, Severity, Traced},
    judge::Draft,
    report::Report,
    rules::trace::{REFUSED_BY_TRACE, SEEN_BY_TRACE},
    settings::Settings,
    traced::Trace,
    unit::Unit,
};
use greylag_core::trace::{Measured, Refusal};

/// Compares the findings of a report with what a trace saw, and adds what only the trace saw. `units` are those that were linted.
pub fn weigh(
    report: &mut Report,
    units: &[Unit],
    settings: &Settings,
    fleet: Option<&FleetFacts>,
    trace: Trace,
) {
    let mut catalog = Catalog::default();
    let stages = stages(units);
    for (number, unit) in units.iter().enumerate() {
        catalog.habits = habits(unit.engine, settings, fleet);
        let Ok(content) = &unit.content else {
            continue;
        };
        catalog.begin(unit.engine.dialect());
        let operations = operations(content);
        let seen = trace.of(&unit.script).filter(|_| unit.is_judged());
        let file = File {
            number,
            unit,
            content,
            operations: &operations,
            transactions: &transactions(content),
            labels: &labels(&operations),
            stages: &stages,
            taken: &[],
            logged: &[],
            left: None,
            settings,
            fleet,
        };
        let mut new = Vec::new();
        for (index, operation) in operations.iter().enumerate() {
            if let Some(seen) = seen {
                let scene = Scene::of(file, index, operation, &catalog);
                let refusal = seen.refused.as_ref().filter(|r| r.statement == index);
                new.extend(one(report, &scene, seen.of(index), refusal));
            }
            catalog.apply(number, &content.script, operation);
        }
        allow::mark(&file, &mut new);
        report.findings.extend(new);
        let change = content.migration.directives.change.as_deref();
        let script = &content.script;
        catalog.touch(change, script.dialect, &script.text, &operations);
    }
    let order = |script: &str| units.iter().position(|unit| unit.script == script);
    report
        .findings
        .sort_by_cached_key(|f| (order(&f.script), f.span, f.rule.clone()));
    report.traces.push(trace);
}

/// One statement: marks the findings on it; what only the trace saw comes back.
fn one(
    report: &mut Report,
    scene: &Scene<'_>,
    measured: Option<&Measured>,
    refusal: Option<&Refusal>,
) -> Vec<Finding> {
    let mut said = effects::taken(scene.dialect(), scene.operation, scene.catalog);
    let heirs = effects::taken_by_heirs(scene.dialect(), scene.operation, &said, scene.catalog);
    said.extend(heirs);
    let mut confirmed_refusal = false;
    for finding in report.findings.iter_mut().filter(|f| is_about(f, scene)) {
        let source = &scene.content.script.source;
        let here = |taken: &&Taken| {
            let span = source.file_span(taken.span.clone());
            span.start < finding.span.end && finding.span.start < span.end
        };
        let own: Vec<&Taken> = said.iter().filter(here).collect();
        let case = Case {
            taken: if own.is_empty() {
                said.iter().collect()
            } else {
                own
            },
            measured,
            refused: refusal.is_some(),
        };
        let held = verdict(&finding.rule, &case);
        finding.traced = held.map(|held| match held {
            true => Traced::Confirmed,
            false => Traced::Contradicted,
        });
        confirmed_refusal |= refusal.is_some() && held == Some(true);
    }
    let mut drafts = Vec::new();
    if let Some(refusal) = refusal.filter(|_| !confirmed_refusal) {
        drafts.push((&REFUSED_BY_TRACE, refused(scene, refusal)));
    }
    if let Some(measured) = measured
        && let Some(draft) = unforeseen(scene, &said, measured)
    {
        drafts.push((&SEEN_BY_TRACE, draft));
    }
    drafts
        .into_iter()
        .filter(|(rule, _)| level(rule, scene.settings).is_some())
        .map(|(rule, draft)| {
            let draft = draft.decided(Decided::Trace);
            let mut finding = finish(&scene.file, rule, Some(scene.index), draft);
            finding.traced = Some(Traced::SeenOnly);
            finding
        })
        .collect()
}

fn is_about(finding: &Finding, scene: &Scene<'_>) -> bool {
    finding.engine == scene.unit.engine
        && finding.script == scene.unit.script
        && finding.statement == Some(scene.index)
}

fn refused(scene: &Scene<'_>, refusal: &Refusal) -> Draft {
    let draft = Draft::new(
        scene.whole(),
        format!("the scratch server refuses it: {}", refusal.message),
    )
    .severity(Severity::Error)
    .why("What comes after it in this file, and all later files, were not traced.");
    match &refusal.hint {
        Some(hint) => draft.instead(hint.clone()),
        None => draft.instead("Mend the statement, or what the migrations before it leave behind."),
    }
}

#[cfg(test)]
mod tests;
