//! An expand refuses what the old app writes.

use super::{
    super::types::widens,
    refused::{self, Refusal, Writer},
    succession::{self, successions},
};
use crate::operation::{
    Action, Alter, Bytes, Change, Column, Create, DataType, Expression, Kind, Name, Operation,
};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{ALL, Group, Look, Rule},
};
use greylag_core::migration::Phase;
use std::cell::OnceCell;

pub(super) static EXPAND_RESTRICTS_WRITES: Rule = Rule {
    id: "expand-restricts-writes",
    group: Group::Phase,
    severity: Some(Severity::Warning),
    dialects: ALL,
    title: "an expand refuses what the old app writes",
    about: "A new constraint, NOT NULL, a unique index or a type that is no wider refuses rows that were welcome \
            before; so does what a table asks that takes the place of a dropped or renamed one, and so may a type where no migration says what it was, and a rule that does something INSTEAD. What an app leaves in a column that it doesn't know \
            yet is the default, or null: a constraint that lets those pass is silent, a CHECK whose outcome can't be told from the text is a note, and one that holds already, or is wider than what was there \
            before the file, is silent. In the expand phase the old app still writes them. Make the app keep to it first, and \
            restrict in the contract; a CHECK that says what all apps do already may be allowed.",
    bad: include_str!("expand_restricts_writes/bad.sql"),
    good: include_str!("expand_restricts_writes/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    if scene.phase() != Phase::Expand {
        return Vec::new();
    }
    if let Operation::CreateIndex(create) = scene.operation {
        let new = scene.is_new(&create.table);
        if !create.unique || new || !Writer::new(scene, &create.table).is_refused_by_index(create) {
            return Vec::new();
        }
        let name = create
            .name
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        return told(&scene.whole(), format!("the unique index {name}")).alone();
    }
    if let Operation::Alter(alter) = scene.operation {
        let domain = Some(alter).filter(|alter| alter.kind == Kind::Domain);
        let told = domain.and_then(|alter| Some(told(&scene.whole(), of_domain(scene, alter)?)));
        return told.into_iter().collect();
    }
    if let Operation::Create(create) = scene.operation {
        let table = create.on.as_ref().filter(|_| acts_instead(scene, create));
        return table.map(instead).into_iter().collect();
    }
    if let Operation::Drop(_) = scene.operation {
        return of_successors(scene);
    }
    // All clauses are about one table; what it comes to is worked out once.
    let app = OnceCell::new();
    let writer = |table| app.get_or_init(|| Writer::new(scene, table));
    scene
        .actions()
        // What is made of a column that no app knows is nobody's matter, apart from what it brings within itself.
        .filter(|(table, action, _)| match action {
            Action::AlterType { column, .. }
            | Action::AddIdentity { column }
            | Action::SetIdentity { column, .. } => !scene.is_new_column(table, column),
            _ => true,
        })
        .filter_map(|(table, action, span)| match action {
            Action::AddConstraint(constraint) => {
                let refusal = writer(table).is_refused_by(constraint);
                weighed(span, format!("the new constraint on {table}"), refusal)
            }
            Action::SetNotNull { column } => writer(table)
                .leaves_null(column)
                .then(|| told(span, format!("NOT NULL on {table}.{column}"))),
            Action::AlterConstraint {
                name,
                enforced: Some(true),
            } => (!is_enforced(scene, table, name))
                .then(|| told(span, format!("the constraint {name} on {table}, enforced,"))),
            Action::AddColumn {
                column,
                if_not_exists,
                ..
            } => {
                let there = scene
                    .known(table)
                    .and_then(|known| known.column(&column.name));
                let refusal = match *if_not_exists && there.is_some() {
                    true => Refusal::No,
                    false => writer(table).is_refused_by_own(column),
                };
                weighed(span, brought(table, column), refusal)
            }
            Action::AlterType {
                column,
                data_type,
                using,
                ..
            } => {
                let known = scene.known(table).and_then(|table| table.column(column));
                let narrows = |from: &DataType| *using || !widens(scene.dialect(), from, data_type);
                narrows_from(known.map(|known| &known.data_type), narrows)
                    .map(|why| retyped(span, table, column, why))
            }
            // It gives what nobody who doesn't know the column gives.
            Action::ModifyColumn { from, column, .. } if scene.is_new_column(table, from) => {
                if column.not_null && writer(table).leaves_out(&column.name) {
                    return Some(told(span, format!("NOT NULL on {table}.{}", column.name)));
                }
                let refusal = writer(table).is_refused_by_own(column);
                weighed(span, brought(table, column), refusal)
            }
            Action::ModifyColumn { from, column, .. } => {
                let before = scene.known(table).and_then(|known| known.column(from));
                let to = column.type_in(scene.known(table));
                let narrows = |from: &DataType| !widens(scene.dialect(), from, &to);
                match narrows_from(before.map(|before| &before.data_type), narrows) {
                    Some(why) => Some(retyped(span, table, from, why)),
                    None => {
                        let (what, refusal) = modified(scene, writer(table), table, from, column)?;
                        weighed(span, what, refusal)
                    }
                }
            }
            // Only the server gives a number from here on.
            Action::AddIdentity { column } | Action::SetIdentity { column, .. }
                if scene
                    .sql(span)
                    .to_ascii_uppercase()
                    .contains("GENERATED ALWAYS") =>
            {
                Some(told(span, format!("GENERATED ALWAYS on {table}.{column}")))
            }
            _ => None,
        })
        .chain(of_successors(scene))
        .collect()
}

/// What a table asks that takes the place of another.
fn of_successors(scene: &Scene<'_>) -> Vec<Draft> {
    let all = successions(scene).into_iter();
    all.flat_map(|own| {
        let Some((_, new)) = own.tables else {
            return Vec::new();
        };
        let of = |what: &str| format!("{what} of the new {}", own.name);
        let writer = Writer::into_successor(scene, own.name, new.clone());
        let constraints = succession::constraints(&new);
        let asked = constraints.iter().filter_map(|(what, constraint)| {
            weighed(&own.span, of(what), writer.is_refused_by(constraint))
        });
        let checks = new.checks.iter().filter(|check| check.enforced);
        let checks = checks.filter_map(|check| {
            let expression = &check.expression;
            weighed(
                &own.span,
                of(&format!("the CHECK {expression}")),
                writer.breaks(expression),
            )
        });
        asked.chain(checks).collect()
    })
    .collect()
}

fn told(span: &Bytes, what: String) -> Draft {
    Draft::new(span.clone(), format!("{what} refuses rows that were welcome before"))
        .why("The old app still writes, and doesn't know of it: its writes fail from here on.")
        .instead("Restrict in a file with `-- greylag:phase contract`, once every app that is alive keeps to it.")
}

fn weighed(span: &Bytes, what: String, refusal: Refusal) -> Option<Draft> {
    match refusal {
        Refusal::No => None,
        Refusal::Yes => Some(told(span, what)),
        Refusal::Perhaps => Some(
            Draft::new(span.clone(), format!("{what} may refuse what the old app leaves in new columns"))
                .severity(Severity::Note)
                .why("It doesn't know them, and leaves the default there: whether that passes can't be told from the text.")
                .instead("Try an INSERT that leaves the new columns out."),
        ),
    }
}

/// What a column brings within itself.
fn brought(table: &Name, column: &Column) -> String {
    let name = &column.name;
    match (column.unique, &column.generated, &column.default) {
        (true, Some(_), _) => {
            format!("UNIQUE on {table}.{name}, which is worked out from what apps write,")
        }
        (true, None, Some(_)) if column.checks.is_empty() => {
            format!("UNIQUE on {table}.{name}, whose default is the same in all rows,")
        }
        (true, ..) => format!("what {table}.{name} brings with it"),
        _ => format!("the CHECK of {table}.{name}"),
    }
}

/// It is known to ask rows already.
fn is_enforced(scene: &Scene<'_>, table: &Name, name: &str) -> bool {
    scene.known(table).is_some_and(|known| {
        let mut checks = known.checks.iter();
        let check = checks.find(|check| check.name.as_deref() == Some(name));
        let key = known.foreign_key(name);
        check.is_some_and(|check| check.enforced) || key.is_some_and(|key| key.enforced)
    })
}

/// A rule that does something else than what a statement on the table says. On a view it is what makes writes work.
fn acts_instead(scene: &Scene<'_>, create: &Create) -> bool {
    let table = create.on.as_ref().filter(|_| create.kind == Kind::Rule);
    let old = table.is_some_and(|table| !scene.is_new(table) && !scene.catalog.has_view(table));
    old && refused::has_words(scene, scene.text(), &["DO", "INSTEAD"])
}

fn instead(table: &Name) -> Draft {
    Draft::new(table.span.clone(), format!("something else is done instead of what apps write into {table}"))
        .why("The old app doesn't know of the rule: its statements succeed, and do something else from here on.")
        .instead("Make the rule in a file with `-- greylag:phase contract`; or use DO ALSO, or a trigger that lets the old app's writes through.")
}

/// What MODIFY or CHANGE takes away beside the type; None where it takes nothing.
fn modified(
    scene: &Scene<'_>,
    writer: &Writer<'_>,
    table: &Name,
    from: &str,
    column: &Column,
) -> Option<(String, Refusal)> {
    let sure = |what: String| Some((what, Refusal::Yes));
    let known = scene.known(table);
    let before = known.and_then(|known| known.column(from))?;
    let in_key = known.is_some_and(|known| known.is_in_primary_key(from));
    if before.numbers_itself && !column.auto_increment {
        return sure(format!("{table}.{from} without AUTO_INCREMENT"));
    }
    if column.not_null && !before.not_null && !in_key {
        return sure(format!("NOT NULL on {table}.{from}"));
    }
    if column.primary_key || column.unique {
        return sure(format!("the new key on {table}.{from}"));
    }
    let checks = column.checks.iter().filter(|check| check.enforced);
    let refusals = checks.map(|check| writer.breaks(scene.sql(&check.expression)));
    let refusal = refusals.max().unwrap_or(Refusal::No);
    if refusal > Refusal::No {
        return Some((format!("the new CHECK on {table}.{from}"), refusal));
    }
    let given = |default: &Option<Expression>| default.as_ref().is_some_and(|d| !d.is_null);
    let given_no_more = given(&before.default) && !given(&column.default);
    let lost = given_no_more && column.not_null && !column.auto_increment;
    sure(format!("{table}.{from} without its default")).filter(|_| lost)
}

/// Why a change of type may refuse something. What it was is not known of a column that no migration made.
fn narrows_from(
    from: Option<&DataType>,
    narrows: impl Fn(&DataType) -> bool,
) -> Option<&'static str> {
    match from {
        None => Some("no migration says what it was"),
        Some(from) => narrows(from).then_some("it is no wider than the old one"),
    }
}

fn retyped(span: &Bytes, table: &Name, column: &str, why: &str) -> Draft {
    Draft::new(span.clone(), format!("the new type of {table}.{column} may refuse what was welcome before: {why}"))
        .why("The old app still writes, and reads, the old type: what doesn't fit the new one fails or is changed on the way.")
        .instead("Add a column of the new type beside it, write both, fill it with a backfill, and drop the old one in the contract.")
}

/// A domain that no longer takes what it took.
fn of_domain(scene: &Scene<'_>, alter: &Alter) -> Option<String> {
    let name = alter
        .name
        .as_ref()
        .filter(|name| !scene.is_made_here(name))?;
    match &alter.change {
        Change::AddConstraint { .. } => Some(format!("the new constraint on {name}")),
        Change::Other(text) if text == "SET NOT NULL" => Some(format!("NOT NULL on {name}")),
        _ => None,
    }
}
