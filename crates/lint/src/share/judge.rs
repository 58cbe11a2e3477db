//! One statement: whether it runs on the subscriber.

use super::{
    sharer::{Rows, Sharer},
    take::Take,
};
use crate::operation::{
    Action, AlterTable, Column, ConstraintKind, Create, CreateTable, Drop, Kind, Name, Operation,
    Verb, Write,
};
use greylag_core::{migration::Phase, node::Intake};

/// Functions that change nothing that is replicated, and mean on a subscriber what they mean elsewhere.
const HARMLESS: &[&str] = &[
    "array_agg",
    "avg",
    "coalesce",
    "count",
    "current_schema",
    "current_setting",
    "current_user",
    "exists",
    "max",
    "min",
    "now",
    "pg_notify",
    "pg_sleep",
    "set_config",
    "setval",
    "string_agg",
    "sum",
    "to_regclass",
    "version",
];

impl Sharer<'_> {
    pub(super) fn judge(&mut self, operation: &Operation, sql: &str) -> Take {
        match operation {
            Operation::Transaction(_) => Take::Along,
            Operation::Set { name, .. } => {
                self.astray |= name.eq_ignore_ascii_case("search_path");
                Take::Along
            }
            Operation::Write(write) if write.in_query || !write.within.is_empty() => {
                self.untold("it writes within a WITH".to_owned())
            }
            Operation::Select(query) => self.query(query, sql),
            Operation::Write(write) => self.write(write),
            Operation::Truncate(truncate) => self.rows(&truncate.tables),
            Operation::CreateTable(create) => self.create_table(create),
            Operation::AlterTable(alter) => self.alter_table(alter),
            Operation::CreateIndex(create) => {
                if let Some(name) = &create.name {
                    let table = self.resolve(&create.table);
                    self.indexes.insert(name.name.clone(), table);
                }
                self.about(&create.table)
            }
            Operation::DropIndex(drop) => {
                let tables: Option<Vec<Name>> =
                    drop.names.iter().map(|name| self.table_of(name)).collect();
                match tables {
                    Some(tables) => self.about_all(&tables),
                    None if drop.if_exists => Take::Run,
                    None => self.untold("which table the index is on can't be seen".into()),
                }
            }
            Operation::Reindex(reindex) => match (&*reindex.kind, &reindex.name) {
                ("TABLE", Some(name)) => self.about(name),
                ("INDEX", Some(name)) => match self.table_of(name) {
                    Some(table) => self.about(&table),
                    None => self.aside("it mends this server's indexes"),
                },
                _ => self.aside("it mends this server's indexes"),
            },
            Operation::Maintain(work) if !work.tables.is_empty() => self.about_all(&work.tables),
            Operation::Maintain(_) => self.aside("it tidies this server up"),
            Operation::LockTable { tables, .. } => match self.about_all(tables) {
                Take::Run => Take::Along,
                other => other,
            },
            Operation::Create(create) => self.create(create),
            Operation::Drop(drop) => self.drop(drop),
            Operation::Alter(alter) => match alter.kind {
                Kind::Type
                | Kind::Domain
                | Kind::Function
                | Kind::Sequence
                | Kind::Schema
                | Kind::Extension => Take::Run,
                Kind::Publication | Kind::Subscription => subscribers_own(),
                Kind::Role | Kind::Database | Kind::Tablespace | Kind::EventTrigger => {
                    self.aside("it is about the whole server")
                }
                _ => self.untold("what it is about can't be told".into()),
            },
            Operation::Harmless { what } => match &**what {
                "COMMENT" | "GRANT" | "SECURITY" => self.aside("rows come without it"),
                _ => Take::Along,
            },
            Operation::Revoke(_) => self.aside("rows come without it"),
            Operation::Server { .. } => self.aside("it is about the whole server"),
            Operation::Opaque { what } => self.untold(format!("{what} can't be looked into")),
            Operation::Unknown { why } => self.untold(why.clone()),
        }
    }

    /// By the table it is about.
    fn about(&self, name: &Name) -> Take {
        match self.rows_of(name) {
            Rows::Temporary => Take::Along,
            Rows::Carried => Take::Run,
            Rows::Apart => self.aside(&format!("{name} is not published")),
            Rows::Astray => astray(name),
        }
    }

    fn about_all(&self, names: &[Name]) -> Take {
        let mut takes = names.iter().map(|name| self.about(name));
        let Some(first) = takes.next() else {
            return self.untold("what it is about can't be told".into());
        };
        takes.fold(first, |a, b| match (a, b) {
            (Take::Stops(why), _) | (_, Take::Stops(why)) => Take::Stops(why),
            (Take::Doubt(why), _) | (_, Take::Doubt(why)) => Take::Doubt(why),
            (Take::Leave(why), Take::Leave(_)) => Take::Leave(why),
            (Take::Leave(why), _) | (_, Take::Leave(why)) => {
                Take::Doubt(format!("{why}, and another table of the same statement is"))
            }
            (Take::Along, Take::Along) => Take::Along,
            _ => Take::Run,
        })
    }

    /// A statement over rows: those of published tables come by themselves.
    fn rows(&self, names: &[Name]) -> Take {
        let carried = names
            .iter()
            .filter(|name| self.rows_of(name) == Rows::Carried)
            .count();
        match names.first() {
            Some(name) if carried == names.len() => {
                Take::Comes(format!("the rows of {name} come by replication"))
            }
            Some(name) if carried > 0 => Take::Doubt(format!(
                "the rows of {name} and of the others don't all come by replication"
            )),
            _ => self.about_all(names),
        }
    }

    fn write(&self, write: &Write) -> Take {
        match &write.table {
            Some(table) => self.rows(std::slice::from_ref(table)),
            None => self.untold("which table it writes can't be told".into()),
        }
    }

    fn query(&mut self, query: &Write, sql: &str) -> Take {
        let writes = ["INSERT", "UPDATE", "DELETE", "MERGE", "INTO"];
        let mut words = sql.split(|c: char| !c.is_alphanumeric() && c != '_');
        if words.any(|word| writes.iter().any(|verb| word.eq_ignore_ascii_case(verb))) {
            return self.untold("whether the query writes can't be told".into());
        }
        self.astray |= query.calls.iter().any(|call| call == "set_config");
        let strange = |call: &&String| !HARMLESS.contains(&call.as_str());
        let mut calls = query.qualified.iter().chain(&query.calls);
        match calls.find(strange) {
            Some(call) if query.verb == Verb::Select => {
                self.untold(format!("what {call}() does can't be looked into"))
            }
            _ => Take::Along,
        }
    }

    fn create_table(&mut self, create: &CreateTable) -> Take {
        if create.temporary {
            self.temporary.insert(create.name.name.clone());
            return Take::Along;
        }
        let parent = create.partition_of.as_ref();
        match parent.map_or_else(|| self.rows_of(&create.name), |name| self.rows_of(name)) {
            Rows::Temporary | Rows::Apart => {
                self.aside(&format!("{} is not published", create.name))
            }
            Rows::Astray => astray(&create.name),
            Rows::Carried if create.query.is_some() => Take::Doubt(format!(
                "{} is filled as it is made, and its rows come by replication as well",
                create.name
            )),
            Rows::Carried => {
                let table = self.resolve(&create.name);
                // A part's rows come with those of the whole.
                if parent.is_none() {
                    self.made.push(table);
                }
                let constraints = create.constraints.iter().map(|found| &found.kind);
                self.reach(&create.columns, constraints)
            }
        }
    }

    fn alter_table(&self, alter: &AlterTable) -> Take {
        let take = self.about(&alter.name);
        if self.rows_of(&alter.name) != Rows::Carried {
            return take;
        }
        for (action, _) in &alter.actions {
            match self.act(&alter.name, action) {
                Take::Run => {}
                other => return other,
            }
        }
        take
    }

    /// What is done to a published table.
    fn act(&self, table: &Name, action: &Action) -> Take {
        match action {
            Action::RenameTo(_)
            | Action::RenameOther { .. }
            | Action::RenameColumn { .. }
            | Action::SetSchema => Take::Stops(format!(
                "rows of {table} come under the old name and under the new one: apply stops, whichever server is renamed first"
            )),
            Action::DropColumn { column, .. } if self.phase != Phase::Contract => {
                Take::Stops(format!(
                    "rows of {table} still come with {column}: it must go on the publisher first"
                ))
            }
            Action::AddColumn { column, .. } if must_be_given(column) => Take::Stops(format!(
                "rows of {table} come without {} until the publisher has it, and it has no default",
                column.name
            )),
            Action::AddColumn { column, .. } => {
                self.reach(std::slice::from_ref(&**column), std::iter::empty())
            }
            Action::AddConstraint(constraint) => self.reach(&[], std::iter::once(&constraint.kind)),
            Action::AttachPartition {
                partition: other, ..
            }
            | Action::DetachPartition {
                partition: other, ..
            }
            | Action::Inherit { parent: other }
            | Action::NoInherit { parent: other } => self.with(other),
            Action::Unknown { text } => {
                self.untold(format!("what `{text}` does to {table} isn't understood"))
            }
            _ => Take::Run,
        }
    }

    /// Whether what a published table refers to is there, too.
    fn reach<'k>(
        &self,
        columns: &[Column],
        constraints: impl Iterator<Item = &'k ConstraintKind>,
    ) -> Take {
        let inline = columns
            .iter()
            .filter_map(|column| column.references.as_ref());
        let apart = constraints.filter_map(|kind| match kind {
            ConstraintKind::ForeignKey { reference, .. } => Some(reference),
            _ => None,
        });
        let mut takes = inline
            .chain(apart)
            .map(|reference| self.with(&reference.table));
        takes.find(|take| *take != Take::Run).unwrap_or(Take::Run)
    }

    /// Another table that a published one is bound to.
    fn with(&self, other: &Name) -> Take {
        match self.rows_of(other) {
            Rows::Carried | Rows::Temporary => Take::Run,
            Rows::Astray => astray(other),
            Rows::Apart => self.untold(format!("it needs {other}, which is not published")),
        }
    }

    fn create(&self, create: &Create) -> Take {
        match create.kind {
            Kind::Schema
            | Kind::Function
            | Kind::Type
            | Kind::Domain
            | Kind::Extension
            | Kind::Sequence => Take::Run,
            Kind::View | Kind::MaterializedView => {
                let apart = |name: &&Name| self.rows_of(name) != Rows::Carried;
                match create.reads.iter().find(apart) {
                    None => Take::Run,
                    Some(name) => self.aside(&format!("it reads {name}, which is not published")),
                }
            }
            Kind::Trigger | Kind::Policy | Kind::Rule => match &create.on {
                Some(table) => self.about(table),
                None => self.untold("which table it is on can't be told".into()),
            },
            Kind::Publication | Kind::Subscription => subscribers_own(),
            Kind::Role | Kind::Tablespace | Kind::Database | Kind::EventTrigger => {
                self.aside("it is about the whole server")
            }
            Kind::Table | Kind::Index | Kind::Event | Kind::Other => {
                self.untold("what it makes isn't understood".into())
            }
        }
    }

    fn drop(&self, drop: &Drop) -> Take {
        match drop.kind {
            Kind::Table => match self.about_all(&drop.names) {
                Take::Run if self.phase != Phase::Contract => Take::Stops(format!(
                    "rows of {} still come: it must go on the publisher first",
                    drop.names[0]
                )),
                other => other,
            },
            Kind::Trigger | Kind::Policy | Kind::Rule => match &drop.on {
                Some(table) => self.about(table),
                None => self.untold("which table it is on can't be told".into()),
            },
            Kind::Schema
            | Kind::Function
            | Kind::Type
            | Kind::Domain
            | Kind::Extension
            | Kind::Sequence => Take::Run,
            Kind::View | Kind::MaterializedView if drop.if_exists => Take::Run,
            Kind::Publication | Kind::Subscription => subscribers_own(),
            Kind::Role | Kind::Tablespace | Kind::Database | Kind::EventTrigger => {
                self.aside("it is about the whole server")
            }
            _ => self.untold("whether the subscriber has it can't be told; write IF EXISTS".into()),
        }
    }

    /// What published tables can do without.
    fn aside(&self, why: &str) -> Take {
        match self.intake {
            Intake::All => Take::Run,
            Intake::Published | Intake::Nothing => Take::Leave(why.to_owned()),
        }
    }

    /// What nobody can judge: a subscriber of everything takes it nevertheless.
    fn untold(&self, why: String) -> Take {
        match self.intake {
            Intake::All => Take::Run,
            Intake::Published | Intake::Nothing => Take::Doubt(why),
        }
    }
}

fn subscribers_own() -> Take {
    Take::Leave("publications are the publisher's, and subscriptions each server's own".into())
}

fn astray(name: &Name) -> Take {
    Take::Doubt(format!(
        "which table {name} is can't be told once the file has set search_path: write its schema"
    ))
}

/// A row without it is refused.
fn must_be_given(column: &Column) -> bool {
    column.not_null
        && column.default.is_none()
        && column.generated.is_none()
        && !column.numbers_itself()
}
