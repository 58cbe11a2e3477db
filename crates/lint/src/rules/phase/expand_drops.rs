//! An expand drops something that is in use.

use super::{
    replaced::{self, Fate},
    succession::successions,
};
use crate::catalog::{KnownColumn, Table};
use crate::operation::{Action, Bytes, Change, Column, Kind, Name, Operation};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{ALL, Group, Look, Rule},
};
use greylag_core::{
    engine::{Dialect, Engine},
    migration::Phase,
};
use std::cell::OnceCell;

pub(super) static EXPAND_DROPS: Rule = Rule {
    id: "expand-drops",
    group: Group::Phase,
    severity: Some(Severity::Error),
    dialects: ALL,
    title: "an expand drops something that is in use",
    about: "In the expand phase the old version of the application still runs. What it reads and writes must \
            stay: drops belong into a contract of the same change, which runs only when every shard and \
            replica is through and no old app is left. That holds for tables, columns, defaults, identities, views, \
            functions, triggers, policies and whatever else can be dropped, and for triggers and rules that are \
            disabled; MODIFY and CHANGE drop a default, an ON UPDATE and an expression that they don't repeat. \
            What the file makes anew is replaced: a table if its rows are copied there, by whatever roads (what takes no row, or all in one, is no copy), or if one that is not \
            older takes its name, and gives the defaults and numbers that the old one gave; a view if it gives what the old one gave; a function if it can be called as the old one was, and gives what that gave; \
            a trigger, policy or rule by its name, or by another of the same table for each. What CASCADE takes along is made again, too, or told.",
    bad: include_str!("expand_drops/bad.sql"),
    good: include_str!("expand_drops/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    if scene.phase() != Phase::Expand {
        return Vec::new();
    }
    let told = |span: &Bytes, what: String| {
        Draft::new(span.clone(), format!("{what} is dropped while the old app may use it"))
            .why("Apps that were built before this migration still run, on every shard that has it.")
            .shards("Shards get it one after the other: for a while some have it and some don't.")
            .instead("Move it into a file with `-- greylag:phase contract` and the `-- greylag:change` that it belongs to.")
    };
    // All clauses are about one table; what it comes to is worked out once.
    let left = OnceCell::new();
    let after = |table| left.get_or_init(|| scene.table_after(table));
    match scene.operation {
        Operation::AlterTable(_) => scene
            .actions()
            .filter(|(table, action, _)| !is_unused(scene, || after(table), table, action))
            .filter_map(|(table, action, span)| match action {
                Action::DropColumn { column, .. } => Some(told(span, format!("{table}.{column}"))),
                Action::DropDefault { column } => {
                    let draft = told(span, format!("the default of {table}.{column}"));
                    Some(match why_left_out_no_more(scene.unit.engine) {
                        Some(why) => draft.why(why),
                        None => draft,
                    })
                }
                Action::Partition { work } if work.starts_with("DROP") => {
                    Some(told(span, format!("a partition of {table}")))
                }
                Action::Partition { work } if work.starts_with("EXCHANGE") => {
                    let draft = told(span, format!("what a partition of {table} holds"));
                    Some(draft.why("The rows change places with those of the other table: the old app finds others from here on."))
                }
                Action::DetachPartition { partition, .. } => {
                    Some(told(span, format!("{partition}")))
                }
                Action::ModifyColumn { from, column, .. } => {
                    modified(scene, after(table), table, from, column, span)
                }
                // Whoever inserts without the column, or reads it, has it from there.
                Action::DropIdentity { column } => {
                    Some(told(span, format!("the identity of {table}.{column}")))
                }
                Action::DropExpression { column } => {
                    Some(told(span, format!("the expression of {table}.{column}")))
                }
                Action::SetExpression { column } if !scene.is_new_column(table, column) => {
                    let what = format!("what {table}.{column} was worked out as");
                    Some(told(span, what).severity(Severity::Warning))
                }
                Action::SwitchTrigger { name, on: false } => {
                    off(scene, table, "trigger", name, span)
                }
                Action::SwitchRule { name, on: false } => off(scene, table, "rule", name, span),
                Action::NoInherit { parent } => {
                    Some(told(span, format!("{table} as a part of {parent}")))
                }
                _ => None,
            })
            .chain(of_successors(scene, told))
            .collect(),
        Operation::CreateTable(create)
            if create.or_replace && scene.own_table(&create.name).is_some() =>
        {
            let table = Some(&create.name).filter(|name| !scene.is_new(name) && !create.temporary);
            let table = table.into_iter();
            table
                .map(|name| told(&name.span, name.to_string()))
                .collect()
        }
        Operation::Create(create) if create.or_replace && create.kind == Kind::View => {
            let old = |name: &&Name| !scene.is_new(name) && !scene.is_made_here(name);
            let name = create.name.iter().find(old);
            name.map(|name| (name, replaced::of_view(scene, name, create)))
                .and_then(|(name, fate)| match fate {
                    Fate::Without(columns) => Some(told(&name.span, without(name, &columns))),
                    _ => None,
                })
                .into_iter()
                .collect()
        }
        Operation::Create(create) if create.or_replace && create.kind == Kind::Database => {
            let name = create.name.iter();
            name.map(|name| told(&name.span, name.to_string()))
                .collect()
        }
        Operation::Alter(alter) if alter.kind == Kind::Domain => match (&alter.name, &alter.change)
        {
            (Some(name), Change::Other(text)) if text == "DROP DEFAULT" => {
                told(&scene.whole(), format!("the default of {name}")).alone()
            }
            _ => Vec::new(),
        },
        Operation::Drop(drop) if drop.kind == Kind::Other => {
            let rest = scene.text().to_ascii_uppercase();
            let harmless = rest.starts_with("DROP STATISTICS");
            let told = (!harmless).then(|| told(&scene.whole(), "this".to_owned()));
            told.into_iter().collect()
        }
        Operation::Drop(drop) if counts(drop.kind) => {
            if drop.on.as_ref().is_some_and(|on| scene.is_new(on)) {
                return Vec::new();
            }
            let old = drop.names.iter().enumerate();
            let old = old.filter(|(_, name)| !scene.is_new(name) && !scene.is_made_here(name));
            old.filter_map(|(at, name)| match replaced::of_dropped(scene, drop, at) {
                Fate::Replaced => None,
                Fate::Gone => {
                    let draft = told(&name.span, name.to_string());
                    let cleared = drop.if_exists && is_cleared(scene, name);
                    Some(match cleared || is_files_own(scene, drop.kind, name) {
                        true => draft.severity(Severity::Warning),
                        false => draft,
                    })
                }
                Fate::TookAlong(along) => {
                    let what = along.join(", ");
                    Some(told(&name.span, format!("what CASCADE takes along with {name}, {what},")))
                }
                Fate::Without(columns) => Some(told(&name.span, without(name, &columns))),
                Fate::Gives => Some(told(&name.span, format!("what {name} gave"))),
                Fate::MayGive => Some(may_give(name)),
                Fate::Emptied => Some(emptied(scene, drop.kind, name)),
            })
            .chain(of_successors(scene, told))
            .collect()
        }
        _ => Vec::new(),
    }
}

/// What the server gave in a table that another takes the place of.
fn of_successors(scene: &Scene<'_>, told: impl Fn(&Bytes, String) -> Draft) -> Vec<Draft> {
    let all = successions(scene).into_iter();
    all.flat_map(|own| {
        let lost = own.given_no_more(scene).into_iter();
        let lost = lost.map(|(what, column)| format!("{what} of {}.{column}", own.name));
        lost.map(|what| told(&own.span, what)).collect::<Vec<_>>()
    })
    .collect()
}

fn without(name: &Name, columns: &[String]) -> String {
    let columns: Vec<String> = columns.iter().map(|own| format!("{name}.{own}")).collect();
    columns.join(", ")
}

/// No app that runs knows what goes.
fn is_unused<'a>(
    scene: &Scene<'_>,
    after: impl Fn() -> &'a Table,
    table: &Name,
    action: &Action,
) -> bool {
    match action {
        Action::DropColumn { column, .. }
        | Action::DropIdentity { column }
        | Action::DropExpression { column } => scene.is_new_column(table, column),
        Action::DropDefault { column } => {
            let Some(known) = after().column(column) else {
                return false;
            };
            let was = scene.known(table).and_then(|known| known.column(column));
            let had = |own: &KnownColumn| {
                let default = own.default.as_ref();
                own.numbers_itself || default.is_some_and(|default| !default.is_null)
            };
            // Nothing goes where nothing was; but MySQL, and some versions of MariaDB, let nobody leave out what has no
            // default any more, null or not.
            let must = known.not_null || scene.unit.engine.dialect() == Dialect::Mysql;
            let none = was.is_some_and(|own| own.made_in.is_some() && !own.if_missing && !had(own));
            none && (known.not_null || !must) || !must && scene.is_new_column(table, column)
        }
        _ => false,
    }
}

/// What a dropped default means beyond its value.
fn why_left_out_no_more(engine: Engine) -> Option<&'static str> {
    (engine.dialect() == Dialect::Mysql).then_some(if engine == Engine::Mariadb {
        "Some versions of MariaDB (11.4.5, not 10.11.19 or 11.8.6) let nobody leave the column out from here on, even where it may be null; the old app may do so."
    } else {
        "MySQL lets nobody leave the column out from here on, even where it may be null; the old app may do so."
    })
}

/// No migration made it, and the file makes a temporary table of that name: it is most likely what an earlier run has left.
fn is_cleared(scene: &Scene<'_>, name: &Name) -> bool {
    let mut later = scene.operations[scene.index..].iter();
    scene.own_table(name).is_none()
        && later.any(|operation| match operation {
            Operation::CreateTable(create) => create.temporary && create.name.is(name),
            _ => false,
        })
}

/// A function or a procedure that no file before this one has made, and this one makes unless it is there, or in its place: it is most
/// likely made for the file alone.
fn is_files_own(scene: &Scene<'_>, kind: Kind, name: &Name) -> bool {
    kind == Kind::Function && scene.catalog.function_made_in(name) == Some(scene.number)
}

/// MODIFY and CHANGE say all of a column anew, and what they leave out goes. Where the app can't leave the column out any more,
/// expand-restricts-writes says so.
fn modified(
    scene: &Scene<'_>,
    after: &Table,
    table: &Name,
    from: &str,
    column: &Column,
    span: &Bytes,
) -> Option<Draft> {
    let before = scene.known(table)?.column(from)?;
    let is = after.column(&column.name)?;
    let given = |own: &KnownColumn| own.default.as_ref().is_some_and(|default| !default.is_null);
    let left_out = match () {
        () if scene.is_new_column(table, from) => return None,
        () if before.on_update && !is.on_update => "ON UPDATE",
        () if before.generated.is_some() && is.generated.is_none() => "the expression",
        () if given(before) && !given(is) && !is.not_null && !is.is_numbered() => "the default",
        () => return None,
    };
    let draft = Draft::new(span.clone(), format!("{left_out} of {table}.{from} is dropped while the old app may use it"))
        .why("MODIFY and CHANGE say all of a column anew, and what they don't repeat is gone: the old app leaves it to the server, and finds null, or an old time, in its rows.")
        .instead("Repeat all that SHOW CREATE TABLE has for the column; drop it in the contract.");
    Some(draft)
}

fn may_give(name: &Name) -> Draft {
    Draft::new(name.span.clone(), format!("whether the new {name} gives what the old one gave can't be told"))
        .severity(Severity::Note)
        .why("A function is dropped rather than replaced mostly because it comes to give something else, and the old app reads what it gave.")
        .instead("Compare the two; if they differ, make the new one under another name, and drop the old one in the contract.")
}

/// What is switched off does nothing for the old app's writes; unless it is back before anybody can write.
fn off(scene: &Scene<'_>, table: &Name, what: &str, name: &str, span: &Bytes) -> Option<Draft> {
    let back = |action: &Action| match action {
        Action::SwitchTrigger {
            name: own,
            on: true,
        } => what == "trigger" && (own == name || own == "all" || own == "user" && name != "all"),
        Action::SwitchRule {
            name: own,
            on: true,
        } => what == "rule" && own == name,
        _ => false,
    };
    let made = scene.operations[..scene.index]
        .iter()
        .any(|operation| match operation {
            Operation::Create(create) => {
                let own = create.name.as_ref().is_some_and(|own| own.name == name);
                own && !create.or_replace && create.on.as_ref().is_some_and(|on| on.is(table))
            }
            _ => false,
        });
    if made || replaced::is_taken_back(scene, table, span, back) {
        return None;
    }
    let which = match (what, name) {
        ("trigger", "all") => format!("every trigger of {table}, those of its foreign keys too,"),
        ("trigger", "user") => format!("every trigger of {table}"),
        _ => format!("the {what} {name} of {table}"),
    };
    let draft = Draft::new(span.clone(), format!("{which} is switched off while the old app may rely on it"))
        .why("Apps that were built before this migration still write, and what it did for them is no longer done: checks, dual writes, an audit.")
        .instead("Switch it off in a file with `-- greylag:phase contract`; for work of the file itself, switch it on again in the same transaction.");
    Some(draft)
}

/// Something of the same name comes, and what was there is gone.
fn emptied(scene: &Scene<'_>, kind: Kind, name: &Name) -> Draft {
    let (held, instead) = match kind {
        Kind::Table => (
            "its rows",
            "Change it with ALTER TABLE; or make the new table under another name, copy the rows, and rename it.",
        ),
        Kind::Sequence => ("its numbers", "Change it with ALTER SEQUENCE."),
        _ => (
            "what it held",
            "Change it with ALTER, or make the new one under another name.",
        ),
    };
    let draft = Draft::new(name.span.clone(), format!("{name} is dropped and made anew, without {held}"))
        .why("The old app still runs, and finds nothing where its data was; nothing brings it back but a backup.")
        .instead(instead);
    // No migration made it: it may not be there at all.
    match kind == Kind::Table && scene.own_table(name).is_none() {
        true => draft.severity(Severity::Warning),
        false => draft,
    }
}

/// What else can be dropped is a server's own, or a publication's, which have rules of their own.
fn counts(kind: Kind) -> bool {
    !matches!(
        kind,
        Kind::Publication | Kind::Subscription | Kind::EventTrigger | Kind::Event | Kind::Other
    )
}
