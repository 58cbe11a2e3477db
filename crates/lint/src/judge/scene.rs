//! What a rule sees.

use crate::{
    catalog::{Catalog, Table},
    effects::{self, Taken},
    facts::{FleetFacts, TableFacts},
    finding::{Decided, Severity},
    operation::{Action, Bytes, Name, Operation, Verb, Write},
    read::set_for_statement,
    rules::volume::Logged,
    settings::{Settings, Versions},
    unit::{Content, Unit},
    version::ServerVersion,
};
use greylag_core::{
    engine::{Dialect, Engine},
    migration::Phase,
    script::{Statement, Tx, TxControl},
};
use std::ops::Deref;

/// One file, as a rule sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct File<'a> {
    /// Its number among all units.
    pub(crate) number: usize,
    pub(crate) unit: &'a Unit,
    pub(crate) content: &'a Content,
    /// What each statement does.
    pub(crate) operations: &'a [Operation],
    /// The transaction that each statement is in, by number.
    pub(crate) transactions: &'a [Option<usize>],
    /// The statements that add a value to an enum: asked about at each statement, of which a file may have very many.
    pub(crate) labels: &'a [usize],
    /// Of each unit: the stage it goes out in, where it is known to be on no shard yet.
    pub(crate) stages: &'a [Option<usize>],
    /// What each statement takes of tables that others may use; empty until all statements were looked at.
    pub(crate) taken: &'a [Vec<Taken>],
    /// What each statement writes into the log; empty until all statements were looked at.
    pub(crate) logged: &'a [Vec<Logged>],
    /// What there is once the file has run; none until all statements were looked at.
    pub(crate) left: Option<&'a Catalog>,
    pub(crate) settings: &'a Settings,
    pub(crate) fleet: Option<&'a FleetFacts>,
}

/// One statement of a file, as a rule sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) file: File<'a>,
    pub(crate) index: usize,
    pub(crate) operation: &'a Operation,
    /// Before the statement.
    pub(crate) catalog: &'a Catalog,
    /// The table that the statement is about, and what is known of that very one: nearly all rules ask for it.
    subject: Option<(&'a Name, Option<&'a Table>)>,
}

/// What is known of a table's size, and what that makes of a finding.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// None: the rule's own.
    pub(crate) severity: Option<Severity>,
    pub(crate) decided: Decided,
}

impl<'a> Deref for Scene<'a> {
    type Target = File<'a>;
    fn deref(&self) -> &File<'a> {
        &self.file
    }
}

impl<'a> Scene<'a> {
    pub(crate) fn of(
        file: File<'a>,
        index: usize,
        operation: &'a Operation,
        catalog: &'a Catalog,
    ) -> Self {
        let table = operation.table();
        Self {
            file,
            index,
            operation,
            catalog,
            subject: table.map(|table| (table, catalog.own_table(table))),
        }
    }
}

impl<'a> File<'a> {
    pub(crate) fn dialect(&self) -> Dialect {
        self.unit.engine.dialect()
    }

    pub(crate) fn phase(&self) -> Phase {
        self.content.migration.directives.phase
    }

    pub(crate) fn sql(&self, span: &Bytes) -> &'a str {
        &self.content.script.text[span.clone()]
    }

    /// A statement's bytes.
    pub(crate) fn span(&self, statement: usize) -> Bytes {
        self.content.script.statements[statement].span.clone()
    }

    /// Its servers, oldest and newest: as the fleet has them, else as the project says.
    pub(crate) fn versions(&self) -> Option<(Versions, Decided)> {
        let engine = self.unit.engine;
        let seen = self.fleet.and_then(|fleet| fleet.versions.get(&engine));
        let seen = seen.map(|versions| (*versions, Decided::Fleet));
        seen.or_else(|| Some((*self.settings.versions.get(&engine)?, Decided::Config)))
    }

    /// Whether some server may be older than this.
    pub(crate) fn may_be_older(&self, version: ServerVersion) -> bool {
        self.versions()
            .is_some_and(|(known, _)| known.oldest < version)
    }

    /// Whether rows that foreign keys delete or change are in the log: on all servers, and on some. MySQL writes them there since 9.6.
    pub(crate) fn logs_cascades(&self) -> (bool, bool) {
        let since = ServerVersion::new(9, 6, 0);
        let known = self.versions().map(|(known, _)| known);
        let known = known.filter(|_| self.unit.engine == Engine::Mysql);
        match self.dialect() {
            Dialect::Mysql => known.map_or((false, false), |known| {
                (known.oldest >= since, known.newest >= since)
            }),
            Dialect::Postgres | Dialect::Sqlite => (true, true),
        }
    }

    /// MySQL's and SQLite's statements are judged by clause, not by what they do to which relation.
    pub(crate) fn dialect_has_no_effects(&self) -> bool {
        self.dialect() != Dialect::Postgres
    }

    pub(crate) fn has_replicas(&self) -> bool {
        self.settings.replicas != Some(false)
    }

    pub(crate) fn rows(&self, table: &Name) -> Option<(u64, Decided)> {
        let (schema, name) = (table.schema.as_deref(), table.name.as_str());
        let seen = self.facts(table).map(|facts| (facts.rows, Decided::Fleet));
        let said = self.settings.table(schema, name).and_then(|t| t.rows);
        seen.or_else(|| Some((said?, Decided::Config)))
    }

    pub(crate) fn facts(&self, table: &Name) -> Option<&'a TableFacts> {
        self.seen(table).map(|(_, facts)| facts)
    }

    /// What the fleet knows of a table, and the name that it was found by.
    pub(crate) fn seen(&self, table: &Name) -> Option<(&'a str, &'a TableFacts)> {
        self.fleet?.table(table.schema.as_deref(), &table.name)
    }

    /// What a table's size makes of something that takes as long as the table is large.
    pub(crate) fn size(&self, table: &Name) -> Size {
        let Some((rows, decided)) = self.rows(table) else {
            return Size {
                severity: None,
                decided: Decided::Text,
            };
        };
        let limits = &self.settings.thresholds;
        // Nobody knows what it is on a shard that could not be looked at.
        let all_seen = self.fleet.is_none_or(|fleet| fleet.unseen.is_empty());
        let severity = if rows <= limits.small_rows {
            (all_seen || decided != Decided::Fleet).then_some(Severity::Note)
        } else if rows > limits.large_rows {
            Some(Severity::Error)
        } else {
            None
        };
        Size { severity, decided }
    }
}

impl<'a> Scene<'a> {
    pub(crate) fn statement(&self) -> &'a Statement {
        &self.file.content.script.statements[self.index]
    }

    /// The whole statement's bytes.
    pub(crate) fn whole(&self) -> Bytes {
        self.statement().span.clone()
    }

    /// The whole statement's text.
    pub(crate) fn text(&self) -> &'a str {
        self.file.content.script.sql(self.statement())
    }

    /// The transaction it runs in; none where it commits by itself.
    pub(crate) fn transaction(&self) -> Option<usize> {
        self.file.transactions[self.index]
    }

    /// The very table that a name means, if it is known.
    pub(crate) fn own_table(&self, name: &Name) -> Option<&'a Table> {
        match self.subject {
            Some((subject, known))
                if subject.name == name.name && subject.schema == name.schema =>
            {
                known
            }
            _ => self.catalog.own_table(name),
        }
    }

    /// Whether the table is made by this very file, or by one that goes out with it, so that nobody else uses it yet.
    pub(crate) fn is_new(&self, table: &Name) -> bool {
        // It takes nothing but a table of its own session.
        if matches!(self.operation, Operation::Drop(drop) if drop.temporary) {
            return true;
        }
        if let Some(known) = self.own_table(table) {
            let surely = !known.if_missing || self.may_be_new(table, known);
            return known.temporary
                || surely && known.made_in.is_some_and(|unit| self.goes_with(unit));
        }
        let view = self.catalog.view_made_in(table);
        view.is_some_and(|(unit, may_be_old)| match may_be_old {
            false => self.goes_with(unit),
            true => unit == self.number && self.only_adds(),
        })
    }

    /// A table that IF NOT EXISTS has made may have been there. What only adds to it right where it is made is taken to be meant for a new
    /// one, unless somebody has seen rows in it; what takes away from it is not.
    fn may_be_new(&self, table: &Name, known: &Table) -> bool {
        known.made_in == Some(self.number) && self.rows(table).is_none() && self.only_adds()
    }

    /// Whether the statement takes nothing away from what may have been there, and changes nothing of it.
    fn only_adds(&self) -> bool {
        let inserts =
            |write: &Write| matches!(write.verb, Verb::Insert | Verb::Copy | Verb::Select);
        match self.operation {
            Operation::AlterTable(alter) => alter.actions.iter().all(|(own, _)| own.only_adds()),
            Operation::Write(write) => inserts(write) && write.within.iter().all(inserts),
            Operation::CreateTable(create) => !create.or_replace,
            Operation::Drop(_)
            | Operation::DropIndex(_)
            | Operation::Truncate(_)
            | Operation::Alter(_) => false,
            _ => true,
        }
    }

    /// Whether the column comes with this very statement, with an earlier one of the file, or with a file that goes out with it: no app
    /// that runs knows it yet.
    pub(crate) fn is_new_column(&self, table: &Name, column: &str) -> bool {
        if self.is_new(table) {
            return true;
        }
        let known = self.own_table(table);
        let own = known.and_then(|known| known.column(column));
        if let Some(own) = own {
            let here = own.made_in == Some(self.number);
            let surely = !own.if_missing || here && self.only_adds();
            return surely && own.made_in.is_some_and(|unit| self.goes_with(unit));
        }
        // IF NOT EXISTS may make none, where not all of them are known.
        let whole = known.is_some_and(|known| !known.partly && !known.if_missing);
        self.clauses_of(table).any(|action| match action {
            Action::AddColumn {
                column: added,
                if_not_exists,
                ..
            } => added.name == column && (!if_not_exists || whole || self.only_adds()),
            _ => false,
        })
    }

    /// Whether this file, or one that goes out with it, made the constraint or the index.
    pub(crate) fn is_new_key(&self, table: &Name, name: &str) -> bool {
        let known = self.own_table(table);
        let made_in = known.and_then(|known| known.made.get(name));
        made_in.is_some_and(|unit| self.goes_with(*unit))
    }

    /// A table as this statement leaves it, as far as it is known.
    pub(crate) fn table_after(&self, table: &Name) -> Table {
        let known = self.known(table).cloned();
        let mut known = known.unwrap_or_else(|| Table::new(table.clone(), None));
        let actions = self.clauses_of(table).collect();
        for action in known.name_at_once(self.dialect(), actions) {
            known.change(self.number, &self.content.script, &action);
        }
        known
    }

    /// What this statement does to the table.
    pub(crate) fn clauses_of<'b>(
        &self,
        table: &'b Name,
    ) -> impl Iterator<Item = &'a Action> + use<'a, 'b> {
        let alter = match self.operation {
            Operation::AlterTable(alter) if alter.name.is(table) => Some(alter),
            _ => None,
        };
        let actions = alter.into_iter().flat_map(|alter| &alter.actions);
        actions.map(|(action, _)| action)
    }

    /// Whether this file has made a function, type, domain or whatever is no table before: nobody uses it yet.
    pub(crate) fn is_made_here(&self, name: &Name) -> bool {
        let mut before = self.file.operations[..self.index].iter();
        before.any(|operation| match operation {
            Operation::Create(create) => {
                let surely = !create.or_replace && !create.if_not_exists;
                let made = create.name.as_ref().filter(|_| surely);
                made.is_some_and(|made| self.catalog.is_same(made, name))
            }
            _ => false,
        })
    }

    /// Whether a unit is this very file, or goes out in one stage with it.
    pub(crate) fn goes_with(&self, unit: usize) -> bool {
        let stage = |unit: usize| self.stages.get(unit).copied().flatten();
        unit == self.number || stage(unit).is_some() && stage(unit) == stage(self.number)
    }

    pub(crate) fn known(&self, table: &Name) -> Option<&'a Table> {
        let own = self.own_table(table);
        own.or_else(|| self.catalog.table(table))
    }

    /// The clauses of an ALTER TABLE, unless this file made the table.
    pub(crate) fn actions(
        &self,
    ) -> impl Iterator<Item = (&'a Name, &'a Action, &'a Bytes)> + use<'a> {
        let alter = match self.operation {
            Operation::AlterTable(alter) => Some(alter),
            _ => None,
        };
        let scene = *self;
        let all = alter.into_iter().flat_map(|alter| {
            let actions = alter.actions.iter();
            actions.map(|(action, span)| match action {
                Action::RenameOther { from, .. } => (from, action, span),
                _ => (&alter.name, action, span),
            })
        });
        let mut last: Option<(&Name, bool)> = None;
        all.filter(move |(table, ..)| {
            let known = last.filter(|(of, _)| std::ptr::eq(*of, *table));
            let (_, new) = *last.insert(known.unwrap_or_else(|| (table, scene.is_new(table))));
            !new
        })
    }

    /// The settings that it changes, with their values; also those that MariaDB changes for one statement.
    pub(crate) fn assignments(&self) -> Vec<(String, String)> {
        let text = &self.content.script.text;
        let mut all = set_for_statement(self.dialect(), text, self.whole());
        let own = self.operation.assignments();
        all.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
        all
    }

    /// What the statement does to which relation, as measured.
    pub(crate) fn taken(&self) -> Vec<Taken> {
        effects::taken(self.file.dialect(), self.operation, self.catalog)
            .into_iter()
            .filter(|taken| !self.is_new(&taken.table))
            .collect()
    }
}

/// The transaction each statement is in.
pub(super) fn transactions(content: &Content) -> Vec<Option<usize>> {
    let mut number = 0;
    let mut open = content.in_transaction();
    let statements = &content.script.statements;
    statements
        .iter()
        .map(|statement| {
            if let Tx::Control(control) = statement.tx {
                match control {
                    TxControl::Begin => {
                        open = true;
                        number += 1;
                    }
                    TxControl::Commit | TxControl::Rollback => {
                        let was = open.then_some(number);
                        open = false;
                        return was;
                    }
                    TxControl::Savepoint | TxControl::Set => {}
                }
            }
            open.then_some(number)
        })
        .collect()
}
