//! What a statement leaves behind.

use super::{
    Catalog, ForeignKey, Function, KnownColumn, Letters, Table, View, key::Key, swap::swaps,
};
use crate::effects::{clause_of, writes_anew};
use crate::operation::{
    Action, AlterTable, Change, Create, CreateTable, Drop, DropIndex, Kind, Name, Operation,
};
use greylag_core::{engine::Dialect, script::Script};

impl Catalog {
    /// Takes a statement in. `unit` is the number of its file.
    pub(crate) fn apply(&mut self, unit: usize, script: &Script, operation: &Operation) {
        let dialect = script.dialect;
        self.path.follow(operation);
        match operation {
            Operation::CreateTable(create) => self.create(unit, script, create),
            Operation::AlterTable(alter) => self.alter(unit, script, alter),
            Operation::CreateIndex(create) => {
                self.known(&create.table).add_index(unit, dialect, create);
            }
            Operation::DropIndex(drop) => self.drop_index(unit, drop),
            Operation::Drop(drop) => self.drop(dialect, drop),
            Operation::Create(create) => match (create.kind, &create.name, &create.on) {
                (Kind::View | Kind::MaterializedView, Some(name), _) => {
                    self.create_view(unit, name, create);
                }
                (Kind::Function, Some(name), _) => {
                    if create.steady {
                        self.steady.insert(name.name.clone());
                    }
                    let key = self.key(name);
                    self.functions_made.entry(key.clone()).or_insert(unit);
                    let of_name = self.functions.entry(key).or_default();
                    of_name.retain(|known| known.arguments != create.arguments);
                    of_name.push(Function {
                        arguments: create.arguments.clone(),
                        result: create.result.clone(),
                    });
                }
                (Kind::Type, Some(name), _) => {
                    self.enums.insert(name.name.clone(), create.labels.clone());
                }
                (Kind::Domain, Some(name), _) => {
                    let base = create.base.as_ref().and_then(|base| self.domains.get(base));
                    let mut domain = base.cloned().unwrap_or_default();
                    domain.constrained |= create.constrained;
                    domain.default = create.default.clone().or(domain.default);
                    self.domains.insert(name.name.clone(), domain);
                }
                (Kind::Trigger, Some(name), Some(on)) => {
                    let name = name.name.clone();
                    self.known(on).triggers.push(name);
                }
                (Kind::Publication, Some(name), _) => {
                    let carried = create.published.clone();
                    self.publications.insert(name.name.clone(), carried);
                }
                _ => {}
            },
            Operation::Alter(alter) => {
                if let (Some(name), Kind::Index, Change::RenameTo(to)) =
                    (&alter.name, alter.kind, &alter.change)
                {
                    let tables = self.tables.values_mut();
                    tables.for_each(|table| table.rename_index(&name.name, to));
                }
                if let (Some(name), Kind::Publication) = (&alter.name, alter.kind) {
                    self.republish(&name.name, &alter.change);
                }
                if let (Some(name), Change::AddLabel { label, .. }) = (&alter.name, &alter.change) {
                    let labels = self.enums.entry(name.name.clone()).or_default();
                    labels.push(label.clone());
                }
                if let (Some(name), Kind::Domain) = (&alter.name, alter.kind) {
                    let domain = self.domains.entry(name.name.clone()).or_default();
                    match &alter.change {
                        Change::AddConstraint { .. } => domain.constrained = true,
                        Change::Other(text) if text.starts_with("SET NOT NULL") => {
                            domain.constrained = true;
                        }
                        Change::Other(text) if text.starts_with("SET DEFAULT") => {
                            domain.default = None;
                            domain.default_unknown = true;
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }

    /// One that knows these tables alone, as far as they are known.
    pub(crate) fn only(&self, tables: &[&Name]) -> Self {
        let mut only = Self {
            dialect: self.dialect,
            path: self.path.clone(),
            habits: self.habits,
            ..Self::default()
        };
        for name in tables {
            only.learn(self.own_table(name));
        }
        only
    }

    pub(crate) fn learn(&mut self, table: Option<&Table>) {
        if let Some(table) = table {
            self.insert(table.clone());
        }
    }

    fn create_view(&mut self, unit: usize, name: &Name, create: &Create) {
        let key = self.key(name);
        let before = self.views.get(&key);
        let before = before.map(|view| (view.made_in, view.if_missing, view.age));
        // What it hides is there again when the file is through.
        if create.temporary && before.is_some() {
            return;
        }
        let may = (create.or_replace || create.if_not_exists) && !create.temporary;
        let (made_in, if_missing, age) = before.unwrap_or_else(|| (unit, may, self.next_age()));
        let view = View {
            reads: create.reads.iter().map(|read| self.led(read)).collect(),
            mentions: create.mentions.clone(),
            star: create.star,
            columns: create.columns.clone(),
            made_in,
            if_missing,
            age,
            temporary: create.temporary,
        };
        self.views.insert(key, view);
    }

    fn next_age(&mut self) -> usize {
        self.made += 1;
        self.made
    }

    /// The table, known from now on if it wasn't.
    fn known(&mut self, name: &Name) -> &mut Table {
        if let Some(temporary) = self.temporary_name(name) {
            let temporary = self.temporary.get_mut(temporary);
            return temporary.expect("its name was found there");
        }
        let key = self.key(name);
        if !self.tables.contains_key(&key) {
            let lent = self.table(name).map(|other| other.lent_to(name));
            let mut table = lent.unwrap_or_else(|| Table::new(name.clone(), None));
            table.habits = self.habits;
            self.insert(table);
        }
        self.tables
            .get_mut(&key)
            .expect("it was inserted, if it wasn't there")
    }

    pub(super) fn insert(&mut self, mut table: Table) {
        let key = self.key(&table.name);
        if table.name.schema.is_none() {
            table.name.schema.clone_from(&key.schema);
        }
        self.schemas.extend(key.schema.clone());
        self.tables.insert(key, table);
    }

    /// MySQL's indexes are each table's own; the others' names are one for all tables.
    fn drop_index(&mut self, unit: usize, drop: &DropIndex) {
        for name in &drop.names {
            match &drop.table {
                Some(table) => self.known(table).drop_index(unit, &name.name),
                None => {
                    let tables = self.tables.values_mut().chain(self.temporary.values_mut());
                    tables.for_each(|table| table.drop_plain_index(unit, &name.name));
                }
            }
        }
    }

    fn drop(&mut self, dialect: Dialect, drop: &Drop) {
        let cascades = drop.cascade && dialect == Dialect::Postgres;
        for name in &drop.names {
            let key = self.key(name);
            match drop.kind {
                Kind::Table => {
                    if let Some(temporary) = self.temporary_name(name) {
                        self.temporary.remove(temporary);
                        continue;
                    }
                    if drop.temporary {
                        continue;
                    }
                    if cascades {
                        self.forget_what_uses(name, None);
                    }
                    self.leave(name);
                    self.tables.remove(&key);
                    for carried in self.publications.values_mut() {
                        carried.tables.retain(|own| !own.is(name));
                    }
                }
                Kind::Publication => {
                    self.publications.remove(&name.name);
                }
                Kind::View | Kind::MaterializedView => {
                    self.leave(name);
                    self.views.remove(&key);
                    // What was only ever indexed.
                    self.tables.remove(&key);
                }
                Kind::Function => {
                    self.functions.remove(&key);
                    self.functions_made.remove(&key);
                }
                _ => {}
            }
        }
    }

    /// Remembers how old what had a name was.
    pub(super) fn leave(&mut self, name: &Name) {
        let age = self.age(name);
        self.ages_gone.entry(self.key(name)).or_insert(age);
    }

    /// CASCADE: views over a table and foreign keys to it go along; of a column those that have it.
    fn forget_what_uses(&mut self, table: &Name, column: Option<&str>) {
        let gone: Vec<Key> = self
            .views_over(table)
            .iter()
            .filter(|view| column.is_none_or(|column| self.view_has(view, column)))
            .map(|view| self.key(view))
            .collect();
        for view in gone {
            self.views.remove(&view);
        }
        let primary = column.is_some_and(|column| {
            let known = self.table(table);
            known.is_some_and(|known| known.is_in_primary_key(column))
        });
        let uses = |refers: &[String]| match column {
            None => true,
            Some(_) if refers.is_empty() => primary,
            Some(column) => refers.iter().any(|own| own == column),
        };
        let keys = self.referencing(table).into_iter();
        let keys = keys.filter(|(_, key)| uses(&key.refers));
        let keys: Vec<(Key, ForeignKey)> = keys
            .map(|(other, foreign)| (self.key(&other.name), foreign.clone()))
            .collect();
        for (other, gone) in keys {
            if let Some(other) = self.tables.get_mut(&other) {
                other.foreign_keys.retain(|own| *own != gone);
                other.numbers.clear();
            }
        }
    }

    fn create(&mut self, unit: usize, script: &Script, create: &CreateTable) {
        let schema = create.name.schema.as_deref();
        let temporary =
            create.temporary || schema.is_some_and(|schema| self.is_sessions_own(schema));
        let old = match temporary {
            true => self.temporary.get(&create.name.name),
            false => self.tables.get(&self.key(&create.name)),
        };
        if create.if_not_exists && old.is_some() {
            return;
        }
        // What is replaced was in use, and so is what takes its place.
        let before = old.filter(|_| create.or_replace);
        let before = before.map(|old| (old.made_in, old.age));
        let (made_in, age) = before.unwrap_or_else(|| (Some(unit), self.next_age()));
        let mut table = Table::new(create.name.clone(), made_in);
        table.habits = self.habits;
        table.age = age;
        table.if_missing = create.if_not_exists && !temporary;
        table.temporary = temporary;
        table.unlogged = create.unlogged;
        table.partitioned = create.partitioned;
        table.partition_key = create.partition_key.clone();
        table.parent = create.partition_of.as_ref().map(|parent| self.led(parent));
        table.is_default = create.default_partition;
        table.inherits = create
            .inherits
            .iter()
            .map(|parent| self.led(parent))
            .collect();
        table.letters = Letters::of_options(&create.options);
        table.partly = create.like.is_some()
            || create.query.is_some()
            || create.partition_of.is_some()
            || !create.inherits.is_empty();
        let like = create.partition_of.as_ref().or(create.like.as_ref());
        if let Some(other) = like.and_then(|like| self.table(like)) {
            table.columns = other.columns.clone();
            table.letters = other.letters.clone();
            let copied = script.dialect == Dialect::Mysql || create.like_keys;
            // Without INCLUDING it has the columns and no key.
            if create.like.is_some() && !copied {
                table.partly = other.partly || create.query.is_some();
            }
            if copied || create.partition_of.is_some() {
                table.take_keys_of(unit, script.dialect, other);
            }
        }
        for column in &create.columns {
            table.add_column(unit, script, column);
        }
        for constraint in &create.constraints {
            table.add_constraint(unit, script, constraint);
        }
        lead(self.path.first(), table.foreign_keys.iter_mut());
        if table.if_missing {
            table.made.clear();
            let columns = table.columns.iter_mut();
            columns.for_each(|column| column.if_missing = true);
        }
        match temporary {
            true => {
                self.temporary.insert(table.name.name.clone(), table);
            }
            false => self.insert(table),
        }
    }

    fn alter(&mut self, unit: usize, script: &Script, alter: &AlterTable) {
        if script.dialect == Dialect::Mysql {
            let table = self.known(&alter.name);
            table.row_versions = row_versions(table, alter);
        }
        let actions: Vec<&Action> = alter.actions.iter().map(|(action, _)| action).collect();
        for (from, to) in swaps(script.dialect, &actions) {
            self.follow_column(script.dialect, &alter.name, &from, &to);
        }
        let known = self.known(&alter.name);
        for action in known.name_at_once(script.dialect, actions) {
            let action = &*action;
            if let Some((from, to)) = alter.renaming(action) {
                self.rename(script.dialect, from, to);
                continue;
            }
            self.descend(&alter.name, action);
            if let Action::DropColumn {
                column,
                cascade: true,
                ..
            } = action
                && script.dialect == Dialect::Postgres
            {
                self.forget_what_uses(&alter.name, Some(column));
            }
            if let Some((from, to)) = action.renamed_column() {
                self.follow_column(script.dialect, &alter.name, from, to);
            }
            let path = self.path.clone();
            let known = self.known(&alter.name);
            let before = known.foreign_keys.len();
            known.change(unit, script, action);
            lead(path.first(), known.foreign_keys.iter_mut().skip(before));
        }
    }

    /// Who inherits from whom.
    fn descend(&mut self, table: &Name, action: &Action) {
        match action {
            Action::AttachPartition { partition, default } => {
                let parent = self.led(table);
                let child = self.known(partition);
                child.parent = Some(parent);
                child.is_default = *default;
            }
            Action::DetachPartition { partition, .. } => self.known(partition).parent = None,
            Action::Inherit { parent } => {
                let parent = self.led(parent);
                self.known(table).inherits.push(parent);
            }
            Action::NoInherit { parent } => {
                let child = self.known(table);
                child.inherits.retain(|other| !other.is(parent));
            }
            _ => {}
        }
    }

    fn republish(&mut self, name: &str, change: &Change) {
        match change {
            Change::Tables { how, of } => {
                let carried = self.publications.entry(name.to_owned()).or_default();
                carried.relist(*how, of);
            }
            Change::RenameTo(to) => {
                if let Some(carried) = self.publications.remove(name) {
                    self.publications.insert(to.clone(), carried);
                }
            }
            _ => {}
        }
    }
}

/// The tables that foreign keys reference are those that their names lead to now.
fn lead<'k>(path: Option<&String>, keys: impl Iterator<Item = &'k mut ForeignKey>) {
    for schema in keys.map(|key| &mut key.table.schema) {
        if schema.is_none() {
            *schema = path.cloned();
        }
    }
}

/// How many of a table's shapes MySQL keeps after a change: one more, or none where the table is written anew on any version.
fn row_versions(table: &Table, alter: &AlterTable) -> u32 {
    let any = |is: &dyn Fn(&Action) -> bool| alter.actions.iter().any(|(action, _)| is(action));
    let anew = any(&|action| match action {
        Action::Force
        | Action::Engine { .. }
        | Action::ConvertCharset { .. }
        | Action::RowFormat
        | Action::OrderBy => true,
        // Most of them change the dictionary alone.
        Action::ModifyColumn { .. } => clause_of(action, Some(table)).is_some_and(writes_anew),
        _ => false,
    });
    let one = any(&|action| matches!(action, Action::AddColumn { .. } | Action::DropColumn { .. }));
    if anew {
        0
    } else {
        table.row_versions + u32::from(one)
    }
}

impl Table {
    /// What a clause makes of it.
    pub(crate) fn change(&mut self, unit: usize, script: &Script, action: &Action) {
        let dialect = script.dialect;
        match action {
            Action::AddColumn {
                column,
                if_not_exists: true,
                ..
            } if self.column(&column.name).is_some() => {}
            Action::AddColumn {
                column,
                if_not_exists,
                ..
            } => {
                self.add_column(unit, script, column);
                // Where nobody knows the whole table, it may have been there.
                let may = *if_not_exists && (self.partly || self.if_missing);
                if let Some(known) = self.column_mut(&column.name) {
                    known.if_missing = may;
                }
            }
            Action::DropColumn { column, .. } => self.drop_column(dialect, column),
            Action::RenameColumn { from, to } => {
                self.rename_column(dialect, from, to);
            }
            Action::ModifyColumn { from, column, .. } => {
                self.forget_own_checks(unit, from);
                let letters = self.letters.clone();
                match self.column_mut(from) {
                    Some(known) => *known = KnownColumn::of(column, &letters, known.made_in),
                    // It says all of a column that was there.
                    None => self.columns.push(KnownColumn::of(column, &letters, None)),
                }
                self.rename_column(dialect, from, &column.name);
                self.add_own(unit, script, column, false);
            }
            Action::DefaultCharset { charset, collation } => {
                self.letters = Letters::of(charset.as_deref(), collation.as_deref());
            }
            Action::ConvertCharset { charset, collation } => {
                self.letters = Letters::of(charset.as_deref(), collation.as_deref());
                let texts = self.columns.iter_mut();
                for column in texts.filter(|column| column.data_type.is_text()) {
                    column.data_type.charset.clone_from(&self.letters.charset);
                    column.collation.clone_from(&self.letters.collation);
                }
            }
            Action::AlterType {
                column,
                data_type,
                collation,
                ..
            } => {
                if let Some(known) = self.column_mut(column) {
                    known.data_type = data_type.clone();
                    known.collation.clone_from(collation);
                }
            }
            Action::SetDefault { column, default } => {
                if let Some(known) = self.column_mut(column) {
                    known.default = Some(default.clone());
                }
            }
            Action::DropDefault { column } => {
                if let Some(known) = self.column_mut(column) {
                    known.default = None;
                }
            }
            Action::SetNotNull { column } | Action::DropNotNull { column } => {
                if let Some(known) = self.column_mut(column) {
                    known.not_null = matches!(action, Action::SetNotNull { .. });
                }
            }
            Action::AddConstraint(constraint) => self.add_constraint(unit, script, constraint),
            Action::AddIndex { name, columns, .. } => {
                self.add_plain_index(unit, dialect, name.clone(), columns.clone())
            }
            Action::DropIndex { name } => self.drop_index(unit, name),
            Action::RenameConstraint { from, to } => self.rename_key(from, to),
            Action::RenameIndex { from, to } => self.rename_index(from, to),
            Action::ValidateConstraint { name } => {
                for check in &mut self.checks {
                    check.valid |= check.enforced && check.name.as_ref() == Some(name);
                }
            }
            Action::AlterConstraint {
                name,
                enforced: Some(enforced),
            } => self.enforce(name, *enforced),
            Action::DropConstraint { name, kind, .. } => self.drop_constraint(unit, name, *kind),
            Action::AddIdentity { column } | Action::DropIdentity { column } => {
                if let Some(known) = self.column_mut(column) {
                    known.numbers_itself = matches!(action, Action::AddIdentity { .. });
                }
            }
            Action::DropExpression { column } => {
                if let Some(known) = self.column_mut(column) {
                    known.generated = None;
                }
            }
            Action::ReplicaIdentity(identity) => self.replica_identity = Some(identity.clone()),
            Action::SetUnlogged => self.unlogged = true,
            Action::SetLogged => self.unlogged = false,
            Action::AttachPartition { .. } => self.partitioned = true,
            _ => {}
        }
    }
}
