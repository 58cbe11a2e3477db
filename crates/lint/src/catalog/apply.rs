//! What a statement leaves behind.

use super::{Catalog, KnownColumn, Letters, Table, View, key};
use crate::operation::{
    Action, AlterTable, Change, CreateTable, Drop, DropIndex, Kind, Name, Operation,
};
use greylag_core::{engine::Dialect, script::Script};

impl Catalog {
    /// Takes a statement in. `unit` is the number of its file.
    pub(crate) fn apply(&mut self, unit: usize, script: &Script, operation: &Operation) {
        let dialect = script.dialect;
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
                    let before = self.views.get(&key(name)).map(|view| view.made_in);
                    let view = View {
                        reads: create.reads.clone(),
                        mentions: create.mentions.clone(),
                        star: create.star,
                        made_in: before.unwrap_or(unit),
                    };
                    self.views.insert(key(name), view);
                }
                (Kind::Function, Some(name), _) if create.steady => {
                    self.steady.insert(name.name.clone());
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

    /// The table, known from now on if it wasn't.
    fn known(&mut self, name: &Name) -> &mut Table {
        let found = self.table(name).map_or_else(|| key(name), |t| key(&t.name));
        self.schemas.extend(name.schema.clone());
        let habits = self.habits;
        self.tables.entry(found).or_insert_with(|| Table {
            habits,
            ..Table::new(name.clone(), None)
        })
    }

    fn insert(&mut self, table: Table) {
        self.schemas.extend(table.name.schema.clone());
        self.tables.insert(key(&table.name), table);
    }

    /// MySQL's indexes are each table's own; the others' names are one for all tables.
    fn drop_index(&mut self, unit: usize, drop: &DropIndex) {
        for name in &drop.names {
            match &drop.table {
                Some(table) => self.known(table).drop_index(unit, &name.name),
                None => {
                    let tables = self.tables.values_mut();
                    tables.for_each(|table| table.drop_plain_index(unit, &name.name));
                }
            }
        }
    }

    fn drop(&mut self, dialect: Dialect, drop: &Drop) {
        let cascades = drop.cascade && dialect == Dialect::Postgres;
        for name in &drop.names {
            match drop.kind {
                Kind::Table => {
                    if cascades {
                        self.forget_what_uses(name, None);
                    }
                    if let Some(found) = self.table(name).map(|t| key(&t.name)) {
                        self.tables.remove(&found);
                    }
                    for carried in self.publications.values_mut() {
                        carried.tables.retain(|own| !own.is(name));
                    }
                }
                Kind::Publication => {
                    self.publications.remove(&name.name);
                }
                Kind::View | Kind::MaterializedView => {
                    self.views.remove(&key(name));
                    // What was only ever indexed.
                    self.tables.remove(&key(name));
                }
                _ => {}
            }
        }
    }

    /// CASCADE: views over a table and foreign keys to it go along; of a column those that have it.
    fn forget_what_uses(&mut self, table: &Name, column: Option<&str>) {
        let gone: Vec<String> = self
            .views_over(table)
            .iter()
            .filter(|view| column.is_none_or(|column| self.view_has(view, column)))
            .map(key)
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
        let keys: Vec<(String, super::ForeignKey)> = keys
            .map(|(other, foreign)| (key(&other.name), foreign.clone()))
            .collect();
        for (other, gone) in keys {
            if let Some(other) = self.tables.get_mut(&other) {
                other.foreign_keys.retain(|own| *own != gone);
            }
        }
    }

    fn create(&mut self, unit: usize, script: &Script, create: &CreateTable) {
        if create.if_not_exists && self.table(&create.name).is_some() {
            return;
        }
        // What is replaced was in use, and so is what takes its place.
        let made_in = match self.table(&create.name).filter(|_| create.or_replace) {
            Some(old) => old.made_in,
            None => Some(unit),
        };
        let mut table = Table::new(create.name.clone(), made_in);
        table.habits = self.habits;
        table.temporary = create.temporary;
        table.unlogged = create.unlogged;
        table.partitioned = create.partitioned;
        table.partition_key = create.partition_key.clone();
        table.parent = create.partition_of.clone();
        table.is_default = create.default_partition;
        table.inherits = create.inherits.clone();
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
        self.insert(table);
    }

    fn alter(&mut self, unit: usize, script: &Script, alter: &AlterTable) {
        let versions = &mut self.known(&alter.name).row_versions;
        *versions = row_versions(*versions, alter);
        let actions: Vec<&Action> = alter.actions.iter().map(|(action, _)| action).collect();
        for action in self
            .known(&alter.name)
            .name_at_once(script.dialect, actions)
        {
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
            self.known(&alter.name).change(unit, script, action);
        }
    }

    /// Who inherits from whom.
    fn descend(&mut self, table: &Name, action: &Action) {
        match action {
            Action::AttachPartition { partition, default } => {
                let child = self.known(partition);
                child.parent = Some(table.clone());
                child.is_default = *default;
            }
            Action::DetachPartition { partition, .. } => self.known(partition).parent = None,
            Action::Inherit { parent } => {
                let parent = parent.clone();
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

    fn rename(&mut self, dialect: Dialect, from: &Name, to: &Name) {
        let carried = self.publications.values_mut();
        for own in carried.flat_map(|carried| &mut carried.tables) {
            if own.is(from) {
                own.name.clone_from(&to.name);
            }
        }
        let Some(found) = self.table(from).map(|table| key(&table.name)) else {
            return;
        };
        if let Some(mut table) = self.tables.remove(&found) {
            let schema = to.schema.clone().or(table.name.schema.clone());
            // The names that PostgreSQL made up stay; MySQL makes up those of foreign keys anew.
            if dialect == Dialect::Mysql {
                let old = format!("{}_ibfk_", table.name.name);
                for name in table
                    .foreign_keys
                    .iter_mut()
                    .filter_map(|key| key.name.as_mut())
                {
                    if let Some(number) = name.strip_prefix(&old) {
                        *name = format!("{}_ibfk_{number}", to.name);
                    }
                }
            }
            table.name = Name {
                schema,
                ..to.clone()
            };
            self.insert(table);
        }
    }
}

/// How many of a table's shapes MySQL keeps after a change: one more, or none where the table is written anew.
fn row_versions(before: u32, alter: &AlterTable) -> u32 {
    let any = |is: fn(&Action) -> bool| alter.actions.iter().any(|(action, _)| is(action));
    let anew = any(|action| {
        matches!(
            action,
            Action::Force
                | Action::Engine { .. }
                | Action::ConvertCharset { .. }
                | Action::RowFormat
                | Action::OrderBy
                | Action::ModifyColumn { .. }
        )
    });
    let one = any(|action| matches!(action, Action::AddColumn { .. } | Action::DropColumn { .. }));
    if anew { 0 } else { before + u32::from(one) }
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
            Action::AddColumn { column, .. } => self.add_column(unit, script, column),
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
