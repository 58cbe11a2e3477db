//! Shards differ in a setting that this file depends on.

use crate::{
    finding::Decided,
    operation::{Action, Column, ConstraintKind, Name, Operation, Verb, Write},
};
use crate::{
    finding::Severity,
    judge::{Draft, File},
    rule::{Group, Look, Rule, SERVERS},
};
use greylag_core::{
    engine::Dialect,
    script::{TokenKind, tokens},
};

pub(super) static SETTINGS_DIFFER: Rule = Rule {
    id: "settings-differ",
    group: Group::Shards,
    severity: Some(Severity::Warning),
    dialects: SERVERS,
    title: "shards differ in a setting that this file depends on",
    about: "With the fleet at hand the settings of working sessions are compared. Under another sql_mode a column or a row is \
            refused on one shard and cut on the next; under another default character set, collation or storage engine \
            CREATE TABLE makes another table; under another TimeZone a time that is written without its zone is another \
            moment, under another DateStyle 01/02/2026 another day; under another search_path a name without its \
            schema is another table. One finding per file names what differs. A setting that the file sets itself is \
            its own.",
    bad: include_str!("settings_differ/bad.sql"),
    good: include_str!("settings_differ/good.sql"),
    look: Look::File(look),
};

fn look(file: &File<'_>) -> Vec<Draft> {
    let Some(fleet) = file
        .fleet
        .filter(|fleet| !fleet.differing_settings.is_empty())
    else {
        return Vec::new();
    };
    let mut first = None;
    let mut found: Vec<&str> = Vec::new();
    let mut own = Own::default();
    for (index, operation) in file.operations.iter().enumerate() {
        own.take(operation, file.transactions[index]);
        for setting in fleet.differing_settings.keys() {
            let lower = setting.to_ascii_lowercase();
            let counts = !own.has(&lower) && !found.contains(&setting.as_str());
            if counts && depends(file, index, operation, &lower) {
                found.push(setting);
                first.get_or_insert(index);
            }
        }
    }
    let Some(first) = first else {
        return Vec::new();
    };
    let names = found.join(", ");
    let values: Vec<String> = found
        .iter()
        .map(|setting| {
            let values = fleet.differing_settings[*setting].iter();
            let values: Vec<String> = values.map(|value| format!("`{}`", short(value))).collect();
            format!("{setting} is {}", values.join(" here and "))
        })
        .collect();
    Draft::new(file.span(first), format!("shards differ in {names}, which this file depends on"))
        .decided(Decided::Fleet)
        .why(format!("{}.", values.join("; ")))
        .shards("One shard does something else than the next, and both count as migrated.")
        .instead(format!("Pin {names} in `[session]` of greylag.toml, so that it is the same everywhere, or write out what the file leaves to it."))
        .alone()
}

/// What the file sets itself: each setting, and the transaction at whose end it is given back.
#[derive(Default)]
struct Own(Vec<(String, Option<usize>)>);

impl Own {
    fn has(&self, setting: &str) -> bool {
        self.0.iter().any(|(own, _)| own == setting)
    }

    fn take(&mut self, operation: &Operation, transaction: Option<usize>) {
        self.0
            .retain(|(_, until)| until.is_none() || *until == transaction);
        let local = matches!(operation, Operation::Set { local: true, .. });
        // What SET LOCAL sets outside of a transaction ends with it.
        if local && transaction.is_none() {
            return;
        }
        for (name, value) in operation.assignments() {
            let name = name.to_ascii_lowercase();
            if value.trim().eq_ignore_ascii_case("default") {
                self.0.retain(|(own, _)| *own != name && name != "all");
            } else {
                self.0.push((name, transaction.filter(|_| local)));
            }
        }
    }
}

fn short(value: &str) -> String {
    match value.char_indices().nth(60) {
        None => value.to_owned(),
        Some((at, _)) => format!("{}…", &value[..at]),
    }
}

/// Whether the setting decides what a statement does.
fn depends(file: &File<'_>, index: usize, operation: &Operation, setting: &str) -> bool {
    let text = || &file.content.script.text[file.span(index)];
    let made = match operation {
        Operation::CreateTable(create) if create.like.is_none() => Some(create),
        _ => None,
    };
    let says = |words: &[&str]| {
        let options = made.map_or(&[][..], |create| &create.options);
        options
            .iter()
            .any(|option| words.iter().any(|word| option.contains(word)))
    };
    match setting {
        "sql_mode" => made.is_some() || defines(operation) || writes(operation).is_some(),
        "character_set_database" | "collation_database" => {
            let plain = |column: &Column| {
                is_text(&column.data_type.name)
                    && column.data_type.charset.is_none()
                    && column.collation.is_none()
            };
            let any = made
                .is_some_and(|create| create.query.is_some() || create.columns.iter().any(plain));
            any && !says(&["CHARSET", "CHARACTERSET", "COLLATE"])
        }
        "default_storage_engine" => made.is_some() && !says(&["ENGINE"]),
        "default_table_access_method" => {
            made.is_some() && !text().to_ascii_uppercase().contains(" USING ")
        }
        "default_tablespace" => {
            let index = matches!(operation, Operation::CreateIndex(_));
            (made.is_some() || index) && !text().to_ascii_uppercase().contains("TABLESPACE")
        }
        "search_path" => {
            let plain = |name: &Name| name.schema.is_none();
            let named = match operation {
                Operation::Create(create) => create.name.as_ref().or(create.on.as_ref()),
                other => other.table(),
            };
            named.is_some_and(plain)
        }
        "explicit_defaults_for_timestamp" => {
            let bare = |column: &Column| {
                column.data_type.name == "timestamp"
                    && column.default.is_none()
                    && !column.null
                    && !column.not_null
            };
            columns(operation).into_iter().any(bare)
        }
        "foreign_key_checks" => refers(operation),
        "time_zone" | "timezone" => moments(file, operation, text()),
        "datestyle" => {
            (writes(operation).is_some() || made.is_some())
                && has(file.dialect(), text(), is_slashed)
        }
        "standard_conforming_strings" => {
            // `E'\n'` means the same under any.
            let escapes = |literal: &str| {
                let begins = literal.get(..2).unwrap_or_default();
                begins.eq_ignore_ascii_case("e'") && !literal[2..].starts_with('\'')
            };
            has(file.dialect(), text(), |literal| {
                literal.contains('\\') && !escapes(literal)
            })
        }
        _ => false,
    }
}

fn writes(operation: &Operation) -> Option<&Write> {
    match operation {
        Operation::Write(write) if write.verb != Verb::Select => Some(write),
        _ => None,
    }
}

fn defines(operation: &Operation) -> bool {
    let Operation::AlterTable(alter) = operation else {
        return false;
    };
    alter.actions.iter().any(|(action, _)| {
        matches!(
            action,
            Action::AddColumn { .. } | Action::ModifyColumn { .. } | Action::SetDefault { .. }
        )
    })
}

fn refers(operation: &Operation) -> bool {
    let Operation::AlterTable(alter) = operation else {
        return false;
    };
    alter.actions.iter().any(|(action, _)| match action {
        Action::AddConstraint(constraint) => {
            matches!(constraint.kind, ConstraintKind::ForeignKey { .. })
        }
        Action::AddColumn { column, .. } => column.references.is_some(),
        _ => false,
    })
}

/// The columns that a statement defines.
fn columns(operation: &Operation) -> Vec<&Column> {
    match operation {
        Operation::CreateTable(create) => create.columns.iter().collect(),
        Operation::AlterTable(alter) => {
            let actions = alter.actions.iter();
            let defined = actions.filter_map(|(action, _)| match action {
                Action::AddColumn { column, .. } | Action::ModifyColumn { column, .. } => {
                    Some(&**column)
                }
                _ => None,
            });
            defined.collect()
        }
        _ => Vec::new(),
    }
}

/// A time without its zone comes into a column that keeps moments.
fn moments(file: &File<'_>, operation: &Operation, text: &str) -> bool {
    let dialect = file.dialect();
    let kept = |name: &str| match dialect {
        Dialect::Postgres => name == "timestamptz" || name == "timetz",
        _ => name == "timestamp",
    };
    if let Some(write) = writes(operation) {
        let known = write
            .table
            .as_ref()
            .zip(file.left)
            .and_then(|(table, left)| left.table(table));
        let of = |asked: &dyn Fn(&str) -> bool| {
            let whole = known.filter(|known| !known.partly);
            whole.map(|known| {
                let mut columns = known.columns.iter();
                columns.any(|column| asked(&column.data_type.name))
            })
        };
        let keeps = of(&kept).unwrap_or(true);
        // A day is one's beginning, unless it may be meant for a column of days.
        let days = of(&|name| matches!(name, "date" | "timestamp" | "datetime") && !kept(name));
        let day = days.is_some_and(|days| !days);
        return keeps
            && has(dialect, text, |literal| {
                is_unzoned(literal) || day && is_day(literal)
            });
    }
    let defined = columns(operation).into_iter();
    let mut defaults = defined.filter(|column| kept(&column.data_type.name));
    defaults.any(|column| {
        let default = column.default.as_ref();
        default.is_some_and(|default| {
            has(dialect, file.sql(&default.span), |literal| {
                is_unzoned(literal) || is_day(literal)
            })
        })
    })
}

/// Whether some string of a statement is as asked for.
fn has(dialect: Dialect, text: &str, asked: impl Fn(&str) -> bool) -> bool {
    let strings = tokens(dialect, text).filter(|token| token.kind == TokenKind::String);
    // A dump's rows are alike: the first ones tell.
    let mut strings = strings.take(1_000);
    strings.any(|token| asked(text[token.span].trim_matches('\'')))
}

/// `2026-11-23`.
fn is_day(literal: &str) -> bool {
    shape(literal) == "9999-99-99"
}

/// `2026-11-23 04:00`, and no zone behind it.
fn is_unzoned(literal: &str) -> bool {
    let date = literal.get(..10).filter(|date| shape(date) == "9999-99-99");
    let Some(time) = date.and_then(|_| literal.get(11..)) else {
        return false;
    };
    let zone = time.contains(['+', '-']) || time.ends_with(|c: char| c.is_ascii_alphabetic());
    time.get(..5).is_some_and(|begin| shape(begin) == "99:99") && !zone
}

/// `01/02/2026`, `1.2.2026`, `01-02-2026`.
fn is_slashed(literal: &str) -> bool {
    let day = literal.split(' ').next().unwrap_or_default();
    let shape = shape(day);
    let parts: Vec<&str> = shape.split(['/', '.', '-']).collect();
    let short = |part: &&str| matches!(*part, "9" | "99");
    matches!(&parts[..], [a, b, year] if short(a) && short(b) && matches!(*year, "99" | "9999"))
}

/// Digits as 9.
fn shape(text: &str) -> String {
    let digit = |c: char| if c.is_ascii_digit() { '9' } else { c };
    text.chars().map(digit).collect()
}

fn is_text(name: &str) -> bool {
    name.contains("char") || name.contains("text") || matches!(name, "enum" | "set")
}
