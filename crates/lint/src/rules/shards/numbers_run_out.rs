//! A numbered column comes to the end of its numbers, or is referred to by one that ends before it.

use super::super::types::whole_bytes;
use crate::{
    facts::NumberingFacts,
    finding::Decided,
    operation::{Action, Bytes, ConstraintKind, DataType, Name, Operation, Reference, Verb, Write},
};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, Rule, SERVERS},
};
use greylag_core::engine::Dialect;

pub(super) static NUMBERS_RUN_OUT: Rule = Rule {
    id: "numbers-run-out",
    group: Group::Shards,
    severity: Some(Severity::Warning),
    dialects: SERVERS,
    title: "a numbered column runs out of numbers on the fullest shard",
    about: "A smallint, an int or a sequence with a MAXVALUE ends: after its last number every INSERT fails, on the fullest shard first. With the \
            fleet at hand, the sequences and AUTO_INCREMENT counters of all shards are read (the counters alone, no rows), and a migration that adds rows \
            to a table, or refers to it, is told from `[lint.thresholds] used-percent` on (75); one that changes the table otherwise gets a note. \
            Without a fleet, a column that refers to a wider one is told: it ends first. PostgreSQL writes a sequence down 32 numbers ahead, so that \
            each failover skips up to 32 of them, and last_value on a replica is ahead of its rows.",
    bad: include_str!("numbers_run_out/bad.sql"),
    good: include_str!("numbers_run_out/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let mut drafts: Vec<Draft> = references(scene)
        .iter()
        .filter_map(|one| referring(scene, one))
        .collect();
    drafts.extend(touching(scene));
    drafts
}

/// What a statement has to do with a table that is there.
#[derive(PartialEq)]
enum Touch {
    Adds(Option<u64>),
    Changes,
}

/// Once in a file: what its first statement on the table says goes for the others.
fn touching(scene: &Scene<'_>) -> Option<Draft> {
    let (table, facts, touch) = touched(scene, scene.operation)?;
    let earlier = scene.operations[..scene.index].iter();
    let told = |other: (&Name, &NumberingFacts, Touch)| {
        other.0.is(table) && (other.2 != Touch::Changes || touch == Touch::Changes)
    };
    if scene.is_new(table) || earlier.filter_map(|op| touched(scene, op)).any(told) {
        return None;
    }
    let left = facts.room.saturating_sub(facts.used);
    let severity = match touch {
        Touch::Changes => Severity::Note,
        Touch::Adds(rows) if rows.unwrap_or(1) > left => Severity::Error,
        Touch::Adds(_) => Severity::Warning,
    };
    let title = format!("{table}.{}", used_up(facts));
    let draft = Draft::new(scene.whole(), title)
        .severity(severity)
        .decided(Decided::Fleet)
        .why(format!(
            "{} of its {} numbers are given ({}); after the last one every INSERT there fails.",
            facts.used, facts.room, facts.data_type
        ))
        .shards(format!(
            "The fullest shard decides: {} gets there first.",
            facts.shard
        ));
    Some(draft.instead(match whole_of(&facts.data_type) {
        Some(8) => "Give its sequence a larger MAXVALUE, or a range of its own that is wider.",
        _ => "Make it a bigint before that: a bigint column beside it, filled with a backfill, then swapped; what refers to it likewise.",
    }))
}

/// The table that an operation adds rows to or changes, where its numbers run out.
fn touched<'a>(
    scene: &Scene<'a>,
    operation: &'a Operation,
) -> Option<(&'a Name, &'a NumberingFacts, Touch)> {
    match operation {
        Operation::Write(write) => write.all().find_map(|write| {
            let facts = running_out(scene, write.table.as_ref()?)?;
            // It brings its own.
            let own = write.columns.contains(&facts.column);
            let adds = adds_rows(write) && !own;
            adds.then_some((write.table.as_ref()?, facts, Touch::Adds(write.rows)))
        }),
        Operation::AlterTable(alter) => {
            let facts = running_out(scene, &alter.name)?;
            let mends = |(action, _): &(Action, Bytes)| match action {
                Action::AlterType { column, .. }
                | Action::DropColumn { column, .. }
                | Action::DropIdentity { column } => *column == facts.column,
                Action::ModifyColumn { from, .. } => *from == facts.column,
                _ => false,
            };
            let mended = alter.actions.iter().any(mends);
            (!mended).then_some((&alter.name, facts, Touch::Changes))
        }
        _ => None,
    }
}

fn adds_rows(write: &Write) -> bool {
    match write.verb {
        Verb::Insert | Verb::Copy => true,
        Verb::Merge => write.merges.contains(&Verb::Insert),
        _ => false,
    }
}

fn running_out<'a>(scene: &Scene<'a>, table: &Name) -> Option<&'a NumberingFacts> {
    let facts = scene.facts(table)?.numbering.as_ref()?;
    (facts.percent() >= scene.settings.thresholds.used_percent).then_some(facts)
}

/// "id has used up 91% of its numbers on eu-7"
fn used_up(facts: &NumberingFacts) -> String {
    format!(
        "{} has used up {}% of its numbers on {}",
        facts.column,
        facts.percent(),
        facts.shard
    )
}

/// A column that refers to another.
struct Referring<'a> {
    table: &'a Name,
    column: &'a str,
    data_type: DataType,
    reference: &'a Reference,
    /// Which of several columns it is.
    at: usize,
    span: Bytes,
}

fn referring(scene: &Scene<'_>, one: &Referring<'_>) -> Option<Draft> {
    let own = whole_bytes(scene.dialect(), &one.data_type)?;
    let other = &one.reference.table;
    let known = scene.known(other);
    let key = one.reference.columns.get(one.at);
    let key = key.or_else(|| known?.primary_key.as_ref()?.get(one.at))?;
    let facts = scene
        .facts(other)
        .and_then(|facts| facts.numbering.as_ref());
    let facts = facts.filter(|facts| facts.column == *key);
    let written =
        known.and_then(|known| whole_bytes(scene.dialect(), &known.column(key)?.data_type));
    let seen = facts.and_then(|facts| whole_of(&facts.data_type));
    let (bytes, decided) = match (written, seen) {
        (_, Some(bytes)) => (bytes, Decided::Fleet),
        (Some(bytes), None) => (bytes, Decided::Text),
        (None, None) => return None,
    };
    let Referring {
        table,
        column,
        span,
        ..
    } = one;
    // MySQL refuses it.
    if own < bytes && scene.dialect() == Dialect::Postgres {
        let draft = Draft::new(span.clone(), format!("{table}.{column} ends before {other}.{key}, to which it refers"))
            .decided(decided)
            .why(format!("It has {own} bytes, and what it refers to has {bytes}: the first row with a larger number can't be referred to."))
            .shards("The fullest shard gets there first, when the migration is long forgotten.")
            .instead("Give it the type of the column that it refers to.");
        return Some(draft);
    }
    let facts = running_out(scene, other)
        .filter(|facts| facts.column == *key && own < 8 && own <= bytes)?;
    let draft = Draft::new(span.clone(), format!("{table}.{column} refers to {other}, whose {}", used_up(facts)))
        .decided(Decided::Fleet)
        .why("When that becomes a bigint, this column must become one too: a second change of a larger table.")
        .shards(format!("The fullest shard decides: {} gets there first.", facts.shard));
    Some(draft.instead(match scene.dialect() {
        Dialect::Postgres => "Make it a bigint at once: it may refer to an int.",
        _ => "Make the column that it refers to a bigint first, and this one likewise.",
    }))
}

/// New columns that refer to others, and old ones that begin to.
fn references<'a>(scene: &Scene<'a>) -> Vec<Referring<'a>> {
    let mut found = Vec::new();
    match scene.operation {
        Operation::CreateTable(create) => {
            for column in &create.columns {
                found.extend(column.references.as_ref().map(|reference| Referring {
                    table: &create.name,
                    column: &column.name,
                    data_type: column.data_type.clone(),
                    reference,
                    at: 0,
                    span: column.span.clone(),
                }));
            }
            for constraint in &create.constraints {
                let type_of = |name: &str| {
                    let own = create.columns.iter().find(|column| column.name == name);
                    own.map(|own| own.data_type.clone())
                };
                found.extend(of_constraint(
                    &create.name,
                    &constraint.kind,
                    &constraint.span,
                    type_of,
                ));
            }
        }
        Operation::AlterTable(alter) => {
            for (action, span) in &alter.actions {
                match action {
                    Action::AddColumn { column, .. } => {
                        found.extend(column.references.as_ref().map(|reference| Referring {
                            table: &alter.name,
                            column: &column.name,
                            data_type: column.data_type.clone(),
                            reference,
                            at: 0,
                            span: span.clone(),
                        }));
                    }
                    Action::AddConstraint(constraint) => {
                        let after = scene.table_after(&alter.name);
                        let type_of = |name: &str| Some(after.column(name)?.data_type.clone());
                        found.extend(of_constraint(&alter.name, &constraint.kind, span, type_of));
                    }
                    _ => {}
                }
            }
        }
        _ => {}
    }
    found
}

fn of_constraint<'a>(
    table: &'a Name,
    kind: &'a ConstraintKind,
    span: &Bytes,
    type_of: impl Fn(&str) -> Option<DataType>,
) -> Vec<Referring<'a>> {
    let ConstraintKind::ForeignKey { columns, reference } = kind else {
        return Vec::new();
    };
    let columns = columns.iter().enumerate();
    let found = columns.filter_map(|(at, column)| {
        Some(Referring {
            table,
            column,
            data_type: type_of(column)?,
            reference,
            at,
            span: span.clone(),
        })
    });
    found.collect()
}

/// Bytes of a whole number, as servers spell its type: `integer`, `int(10) unsigned`.
fn whole_of(data_type: &str) -> Option<u8> {
    match data_type.to_ascii_lowercase().split(['(', ' ']).next()? {
        "tinyint" => Some(1),
        "smallint" => Some(2),
        "mediumint" => Some(3),
        "int" | "integer" => Some(4),
        "bigint" => Some(8),
        _ => None,
    }
}
