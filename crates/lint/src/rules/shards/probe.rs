//! The query that counts the rows against a change, as it runs on each shard.
//!
//! Knows how a statement wrote its names, and what earlier ones made; where a query can't be told for sure, there is none.

use super::super::types::whole_bytes;
use crate::{
    catalog::{ForeignKey, KnownColumn, name_of},
    judge::Scene,
    operation::{Action, Bytes, Column, ConstraintKind, CreateIndex, DataType, Name},
};
use greylag_core::{engine::Dialect, script::tokens};

/// For a unique index.
pub(super) fn of_index(scene: &Scene<'_>, create: &CreateIndex) -> Option<String> {
    let columns: Option<Vec<&String>> = create.columns.iter().map(Option::as_ref).collect();
    let columns = columns.filter(|_| !create.partial)?;
    let names = Names::new(scene, &create.table, scene.whole());
    Some(names.twice(columns))
}

/// For a clause of an ALTER TABLE.
pub(super) fn of_action(
    scene: &Scene<'_>,
    table: &Name,
    action: &Action,
    span: &Bytes,
) -> Option<String> {
    let names = Names::new(scene, table, span.clone());
    let known = |column: &str| scene.known(table)?.column(column);
    match action {
        Action::SetNotNull { column } => Some(names.null(column)),
        Action::AddConstraint(constraint) => match &constraint.kind {
            ConstraintKind::Check { expression } => Some(names.false_of(scene.sql(expression))),
            ConstraintKind::NotNull { column } => Some(names.null(column)),
            ConstraintKind::Unique {
                columns,
                using_index: None,
            } => {
                let columns: Option<Vec<&String>> = columns.iter().map(Option::as_ref).collect();
                Some(names.twice(columns?))
            }
            ConstraintKind::ForeignKey { columns, reference } => {
                let refers = match reference.columns.is_empty() {
                    true => scene.known(&reference.table)?.primary_key.clone()?,
                    false => reference.columns.clone(),
                };
                let other = scene.sql(&reference.table.span);
                names.lost(columns, other, &refers)
            }
            _ => None,
        },
        Action::ValidateConstraint { name }
        | Action::AlterConstraint {
            name,
            enforced: Some(true),
        } => of_constraint(scene, &names, table, name),
        Action::AlterType {
            column,
            data_type,
            using: false,
            ..
        } => names.too_large(column, known(column)?, data_type),
        Action::ModifyColumn { from, column, .. } => of_column(&names, from, column, known(from)),
        _ => None,
    }
}

/// Of a constraint that is there and hasn't asked all rows yet.
fn of_constraint(scene: &Scene<'_>, names: &Names<'_>, table: &Name, name: &str) -> Option<String> {
    let known = scene.known(table)?;
    let is = |own: &Option<String>| own.as_deref() == Some(name);
    if let Some(check) = known.checks.iter().find(|check| is(&check.name)) {
        return Some(names.false_of(&check.expression));
    }
    let key: &ForeignKey = known.foreign_keys.iter().find(|key| is(&key.name))?;
    let refers = match key.refers.is_empty() {
        true => scene.known(&key.table)?.primary_key.clone()?,
        false => key.refers.clone(),
    };
    let schema = key.table.schema.as_ref();
    let schema = schema.map(|schema| format!("{}.", names.quoted(schema)));
    let other = format!(
        "{}{}",
        schema.unwrap_or_default(),
        names.quoted(&key.table.name)
    );
    names.lost(&key.columns, &other, &refers)
}

/// Of MODIFY and CHANGE: the old name still holds.
fn of_column(
    names: &Names<'_>,
    from: &str,
    column: &Column,
    known: Option<&KnownColumn>,
) -> Option<String> {
    let narrower = known.and_then(|known| names.too_large(from, known, &column.data_type));
    let nulls = column.not_null && known.is_some_and(|known| !known.not_null);
    // Of two, one is no answer.
    match (narrower, nulls, column.unique || column.primary_key) {
        (Some(query), false, false) => Some(query),
        (None, true, false) => Some(names.null(from)),
        (None, false, true) => Some(names.twice(vec![&from.to_owned()])),
        _ => None,
    }
}

/// How a statement writes what it names.
struct Names<'a> {
    dialect: Dialect,
    /// Of the statement or clause.
    text: &'a str,
    table: &'a str,
}

impl<'a> Names<'a> {
    fn new(scene: &Scene<'a>, table: &Name, span: Bytes) -> Self {
        Self {
            dialect: scene.dialect(),
            text: scene.sql(&span),
            table: scene.sql(&table.span),
        }
    }

    /// As it stands there; in quotes where it doesn't.
    fn written(&self, name: &str) -> String {
        let mut tokens = tokens(self.dialect, self.text);
        let own = tokens.find_map(|token| {
            let text = &self.text[token.span];
            let is = name_of(self.dialect, token.kind, text)? == name;
            is.then(|| text.to_owned())
        });
        own.unwrap_or_else(|| self.quoted(name))
    }

    fn quoted(&self, name: &str) -> String {
        match self.dialect {
            Dialect::Mysql => format!("`{}`", name.replace('`', "``")),
            Dialect::Postgres | Dialect::Sqlite => format!("\"{}\"", name.replace('"', "\"\"")),
        }
    }

    fn null(&self, column: &str) -> String {
        format!(
            "SELECT count(*) FROM {} WHERE {} IS NULL",
            self.table,
            self.written(column)
        )
    }

    /// A CHECK lets in what it can't say of.
    fn false_of(&self, expression: &str) -> String {
        let expression: Vec<&str> = expression.split_whitespace().collect();
        format!(
            "SELECT count(*) FROM {} WHERE NOT ({})",
            self.table,
            expression.join(" ")
        )
    }

    /// Values that several rows have.
    fn twice(&self, columns: Vec<&String>) -> String {
        let columns: Vec<String> = columns
            .into_iter()
            .map(|column| self.written(column))
            .collect();
        let there: Vec<String> = columns
            .iter()
            .map(|column| format!("{column} IS NOT NULL"))
            .collect();
        format!(
            "SELECT count(*) FROM (SELECT 1 FROM {} WHERE {} GROUP BY {} HAVING count(*) > 1) AS twice",
            self.table,
            there.join(" AND "),
            columns.join(", ")
        )
    }

    /// Rows that refer to none. The outer one has a name of its own, for a table that refers to itself.
    fn lost(&self, columns: &[String], other: &str, refers: &[String]) -> Option<String> {
        if columns.len() != refers.len() {
            return None;
        }
        let own = columns
            .iter()
            .map(|column| format!("one.{}", self.written(column)));
        let own: Vec<String> = own.collect();
        let there: Vec<String> = own
            .iter()
            .map(|column| format!("{column} IS NOT NULL"))
            .collect();
        let same = own.iter().zip(refers);
        let same: Vec<String> = same
            .map(|(own, other)| format!("other.{} = {own}", self.written(other)))
            .collect();
        Some(format!(
            "SELECT count(*) FROM {} AS one WHERE {} AND NOT EXISTS (SELECT 1 FROM {other} AS other WHERE {})",
            self.table,
            there.join(" AND "),
            same.join(" AND ")
        ))
    }

    /// Numbers and texts that a narrower type doesn't take.
    fn too_large(&self, column: &str, from: &KnownColumn, to: &DataType) -> Option<String> {
        let name = self.written(column);
        let against = match (
            whole_bytes(self.dialect, &from.data_type),
            whole_bytes(self.dialect, to),
        ) {
            (Some(had), Some(bytes))
                if bytes < 8 && (bytes < had || from.data_type.unsigned != to.unsigned) =>
            {
                let bits = u32::from(bytes) * 8;
                match to.unsigned {
                    true => format!("{name} NOT BETWEEN 0 AND {}", (1i64 << bits) - 1),
                    false => format!(
                        "{name} NOT BETWEEN {} AND {}",
                        -(1i64 << (bits - 1)),
                        (1i64 << (bits - 1)) - 1
                    ),
                }
            }
            (None, None) if from.data_type.is_text() && to.name == "varchar" && !to.array => {
                let most: u64 = to.arguments.first()?.trim().parse().ok()?;
                format!("char_length({name}) > {most}")
            }
            _ => return None,
        };
        Some(format!(
            "SELECT count(*) FROM {} WHERE {against}",
            self.table
        ))
    }
}
