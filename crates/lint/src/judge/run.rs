//! Walks the files, asks the rules, puts the report together.

use super::{
    Draft, File, Scene,
    ahead::{Ahead, Known},
    cover,
    scene::transactions,
};
use crate::{
    allow,
    catalog::{Catalog, Habits},
    facts::FleetFacts,
    finding::{Decided, Finding, Place, Severity, Span},
    operation::{Change, Operation},
    read::read,
    report::{Report, Unasked, Unjudged},
    rule::{Look, Rule},
    rules,
    settings::Settings,
    unit::{Content, Unit},
    version::ServerVersion,
};
use greylag_core::{engine::Engine, migration::MigrationError, source::Source};

/// Judges files, in the order they run. Those that are [`earlier`](Unit::earlier) only say what there is.
pub fn lint(units: &[Unit], settings: &Settings, fleet: Option<&FleetFacts>) -> Report {
    Ahead::of(units, settings, |ahead| run(units, settings, fleet, ahead))
}

fn run(
    units: &[Unit],
    settings: &Settings,
    fleet: Option<&FleetFacts>,
    ahead: &Ahead<'_>,
) -> Report {
    let mut report = Report::default();
    let mut catalog = Catalog::default();
    let stages = stages(units);
    for (number, unit) in units.iter().enumerate() {
        catalog.habits = habits(unit.engine, settings, fleet);
        match &unit.content {
            Err(errors) if unit.is_judged() => unreadable(unit, errors, &mut report),
            Err(_) => {}
            Ok(content) => {
                catalog.begin(unit.engine.dialect());
                let Some(Known { operations, said }) = ahead.take(number) else {
                    continue;
                };
                if unit.is_judged() {
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
                    let said = ahead.findings(&file, said);
                    judge(&file, said, &mut catalog, &mut report);
                } else {
                    for operation in &operations {
                        catalog.apply(number, &content.script, operation);
                    }
                }
                let change = content.migration.directives.change.as_deref();
                let script = &content.script;
                catalog.touch(change, script.dialect, &script.text, &operations);
            }
        }
    }
    report
}

/// What the servers do that run an engine's files, as far as their versions are known.
pub(super) fn habits(engine: Engine, settings: &Settings, fleet: Option<&FleetFacts>) -> Habits {
    let seen = fleet.and_then(|fleet| fleet.versions.get(&engine));
    let known = seen.or_else(|| settings.versions.get(&engine));
    let old = known.is_some_and(|known| known.newest < ServerVersion::new(9, 0, 0));
    Habits {
        own_checks: engine == Engine::Mariadb,
        no_own_references: engine == Engine::Mysql && old,
    }
}

/// The stage each pending file goes out in: one follows the other while the phase stays.
pub(super) fn stages(units: &[Unit]) -> Vec<Option<usize>> {
    let (mut stage, mut last) = (0, None);
    let stages = units.iter().map(|unit| {
        let content = unit.content.as_ref().ok().filter(|_| unit.is_pending())?;
        let phase = content.migration.directives.phase;
        stage += usize::from(last.is_some_and(|last| last != phase));
        last = Some(phase);
        Some(stage)
    });
    stages.collect()
}

/// What each statement of a file does, as far as it is understood.
pub fn operations(content: &Content) -> Vec<Operation> {
    let script = &content.script;
    let statements = script.statements.iter();
    statements
        .map(|s| read(script.dialect, &script.text, s.span.clone()))
        .collect()
}

/// The statements that add a value to an enum.
pub(super) fn labels(operations: &[Operation]) -> Vec<usize> {
    let adds = |operation: &Operation| matches!(operation, Operation::Alter(alter) if matches!(alter.change, Change::AddLabel { .. }));
    let all = operations.iter().enumerate();
    all.filter(|(_, operation)| adds(operation))
        .map(|(at, _)| at)
        .collect()
}

fn judge(
    file: &File<'_>,
    said: Result<Vec<Finding>, String>,
    catalog: &mut Catalog,
    report: &mut Report,
) {
    let dialect = file.dialect();
    let mut findings = Vec::new();
    let speaking =
        |rule: &&Rule| rule.dialects.contains(&dialect) && level(rule, file.settings).is_some();
    let active: Vec<&Rule> = rules::all().iter().copied().filter(speaking).collect();
    let mut taken = Vec::with_capacity(file.operations.len());
    let mut logged = Vec::with_capacity(file.operations.len());
    let mut unjudged = Vec::with_capacity(file.operations.len());
    for (index, operation) in file.operations.iter().enumerate() {
        let scene = Scene::of(*file, index, operation, catalog);
        for rule in &active {
            if let Look::Statement(look) = rule.look {
                let drafts = look(&scene);
                findings.extend(
                    drafts
                        .into_iter()
                        .map(|d| finish(file, rule, Some(index), d)),
                );
            }
        }
        let own = scene.taken();
        logged.push(rules::volume::logged(&scene, &own));
        taken.push(own);
        unjudged.push(cover::unjudged(&scene));
        catalog.apply(file.number, &file.content.script, operation);
    }
    let whole = File {
        taken: &taken,
        logged: &logged,
        left: Some(catalog),
        ..*file
    };
    for rule in &active {
        if let Look::File(look) = rule.look {
            let drafts = look(&whole).into_iter();
            findings.extend(drafts.map(|d| finish(file, rule, None, d)));
        }
    }
    match said {
        Ok(found) => findings.extend(found),
        Err(why) => report.coverage.unasked.push(Unasked {
            script: file.unit.script.clone(),
            why,
        }),
    }
    let mut own = Vec::new();
    let used = allow::mark(file, &mut findings);
    for (rule, drafts) in [
        (&rules::files::UNKNOWN_ALLOW, allow::unknown(file)),
        (&rules::files::UNUSED_ALLOW, allow::unused(file, &used)),
    ] {
        if level(rule, file.settings).is_some() {
            own.extend(drafts.into_iter().map(|d| finish(file, rule, None, d)));
        }
    }
    findings.extend(own);
    findings.sort_by(|a, b| (a.span, &a.rule).cmp(&(b.span, &b.rule)));
    findings.dedup_by(|a, b| a.rule == b.rule && a.span == b.span && a.title == b.title);
    report.findings.extend(findings);
    cover::count(file, unjudged, &mut report.coverage);
}

/// How grave a rule's findings are; None where it is not to speak.
pub(crate) fn level(rule: &Rule, settings: &Settings) -> Option<Severity> {
    match settings.severity.get(rule.id) {
        Some(level) => level.severity(),
        None => rule.severity,
    }
}

/// A draft becomes a finding: its place in the file, and how grave it is in the end.
pub(crate) fn finish(
    file: &File<'_>,
    rule: &Rule,
    statement: Option<usize>,
    draft: Draft,
) -> Finding {
    let source = &file.content.script.source;
    let span = draft.span.clone();
    let set = file.settings.severity.contains_key(rule.id);
    let usual = level(rule, file.settings).unwrap_or(Severity::Note);
    // What a person set stands; else what the rule made of the case at hand.
    let severity = if set {
        usual
    } else {
        draft.severity.unwrap_or(usual)
    };
    let at = source.file_span(span.clone());
    let statement = statement.or_else(|| {
        let statements = &file.content.script.statements;
        statements
            .iter()
            .position(|s| s.span.start <= span.start && span.start < s.span.end)
    });
    Finding {
        rule: draft.rule.unwrap_or_else(|| rule.id.to_owned()),
        severity,
        decided: if set {
            draft.decided.max(Decided::Config)
        } else {
            draft.decided
        },
        engine: file.unit.engine,
        script: file.unit.script.clone(),
        migration: file.unit.migration_id().cloned(),
        statement,
        span: Span {
            start: at.start,
            end: at.end,
        },
        start: Place::from(source.position(span.start)),
        end: Place::from(source.position(span.end)),
        title: draft.title,
        message: draft.message,
        fix: draft.fix,
        allowed: None,
        traced: None,
    }
}

/// A file that can't be read is judged as a whole: nobody knows what it does.
fn unreadable(unit: &Unit, errors: &[MigrationError], report: &mut Report) {
    report.coverage.files += 1;
    for error in errors {
        let source = Source::from(error.text.clone());
        let mut draft = Draft::new(error.span.clone(), error.fault.to_string())
            .why("The file can't be read, so nothing in it was judged.");
        if let Some(hint) = &error.hint {
            draft = draft.instead(hint.clone());
        }
        report.findings.push(Finding {
            rule: rules::files::UNREADABLE.id.to_owned(),
            severity: Severity::Error,
            decided: Decided::Text,
            engine: unit.engine,
            script: error.script.clone(),
            migration: None,
            statement: None,
            span: Span {
                start: error.span.start,
                end: error.span.end,
            },
            start: Place::from(error.position),
            end: Place::from(source.position(error.span.end)),
            title: draft.title,
            message: draft.message,
            fix: None,
            allowed: None,
            traced: None,
        });
        report.coverage.unjudged.push(Unjudged {
            script: error.script.clone(),
            statement: None,
            start: Place::from(error.position),
            excerpt: cover::excerpt(error.text.get(error.span.start..).unwrap_or_default()),
            why: error.fault.to_string(),
        });
    }
}
