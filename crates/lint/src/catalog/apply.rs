//! What a statement leaves behind.

use super::{Catalog, ForeignKey, Index, KnownColumn, Letters, Table, Unique, View, key};
use crate::operation::{
    Action, AlterTable, Change, Column, Constraint, ConstraintKind, CreateTable, Kind, Name,
    Operation,
};

impl Catalog {
    /// Takes a statement in. `unit` is the number of its file.
    pub(crate) fn apply(&mut self, unit: usize, text: &str, operation: &Operation) {
        match operation {
            Operation::CreateTable(create) => self.create(unit, text, create),
            Operation::AlterTable(alter) => self.alter(unit, text, alter),
            Operation::CreateIndex(create) => {
                let index = Index {
                    name: create.name.as_ref().map(|name| name.name.clone()),
                    columns: create.columns.clone(),
                    unique: create.unique,
                    mentions: create.mentions.clone(),
                    worked_out: create.partial || create.columns.contains(&None),
                };
                self.known(&create.table).indexes.push(index);
            }
            Operation::DropIndex(drop) => {
                for table in self.tables.values_mut() {
                    table.indexes.retain(|index| {
                        !drop
                            .names
                            .iter()
                            .any(|n| index.name.as_ref() == Some(&n.name))
                    });
                }
            }
            Operation::Drop(drop) => match drop.kind {
                Kind::Table => drop.names.iter().for_each(|name| {
                    if let Some(found) = self.table(name).map(|t| key(&t.name)) {
                        self.tables.remove(&found);
                    }
                    for carried in self.publications.values_mut() {
                        carried.tables.retain(|own| !own.is(name));
                    }
                }),
                Kind::Publication => drop.names.iter().for_each(|name| {
                    self.publications.remove(&name.name);
                }),
                Kind::View | Kind::MaterializedView => drop.names.iter().for_each(|name| {
                    self.views.remove(&key(name));
                }),
                _ => {}
            },
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
        self.tables
            .entry(found)
            .or_insert_with(|| Table::new(name.clone(), None))
    }

    fn insert(&mut self, table: Table) {
        self.schemas.extend(table.name.schema.clone());
        self.tables.insert(key(&table.name), table);
    }

    fn create(&mut self, unit: usize, text: &str, create: &CreateTable) {
        if create.if_not_exists && self.table(&create.name).is_some() {
            return;
        }
        // What is replaced was in use, and so is what takes its place.
        let made_in = match self.table(&create.name).filter(|_| create.or_replace) {
            Some(old) => old.made_in,
            None => Some(unit),
        };
        let mut table = Table::new(create.name.clone(), made_in);
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
            table.primary_key = other.primary_key.clone();
        }
        for column in &create.columns {
            add_column(&mut table, text, column, unit);
        }
        for constraint in &create.constraints {
            add_constraint(&mut table, text, constraint);
        }
        self.insert(table);
    }

    fn alter(&mut self, unit: usize, text: &str, alter: &AlterTable) {
        let versions = &mut self.known(&alter.name).row_versions;
        *versions = row_versions(*versions, alter);
        for (action, _) in &alter.actions {
            if let Action::RenameTo(to) = action {
                self.rename(&alter.name, to);
                continue;
            }
            self.descend(&alter.name, action);
            let table = self.known(&alter.name);
            change(table, text, action, unit);
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

    fn rename(&mut self, from: &Name, to: &Name) {
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

fn change(table: &mut Table, text: &str, action: &Action, unit: usize) {
    match action {
        Action::AddColumn { column, .. } => add_column(table, text, column, unit),
        Action::DropColumn { column, .. } => drop_column(table, column),
        Action::RenameColumn { from, to } => {
            table.rename_column(from, to);
        }
        Action::ModifyColumn { from, column, .. } => {
            let letters = table.letters.clone();
            match table.column_mut(from) {
                Some(known) => *known = KnownColumn::of(column, &letters, known.made_in),
                // It says all of a column that was there.
                None => table.columns.push(KnownColumn::of(column, &letters, None)),
            }
            table.rename_column(from, &column.name);
            add_own(table, text, column, false);
        }
        Action::DefaultCharset { charset, collation } => {
            table.letters = Letters::of(charset.as_deref(), collation.as_deref());
        }
        Action::ConvertCharset { charset, collation } => {
            table.letters = Letters::of(charset.as_deref(), collation.as_deref());
            let texts = table.columns.iter_mut();
            for column in texts.filter(|column| column.data_type.is_text()) {
                column.data_type.charset.clone_from(&table.letters.charset);
                column.collation.clone_from(&table.letters.collation);
            }
        }
        Action::AlterType {
            column,
            data_type,
            collation,
            ..
        } => {
            if let Some(known) = table.column_mut(column) {
                known.data_type = data_type.clone();
                known.collation.clone_from(collation);
            }
        }
        Action::SetDefault { column, default } => {
            if let Some(known) = table.column_mut(column) {
                known.default = Some(default.clone());
            }
        }
        Action::DropDefault { column } => {
            if let Some(known) = table.column_mut(column) {
                known.default = None;
            }
        }
        Action::SetNotNull { column } | Action::DropNotNull { column } => {
            if let Some(known) = table.column_mut(column) {
                known.not_null = matches!(action, Action::SetNotNull { .. });
            }
        }
        Action::AddConstraint(constraint) => add_constraint(table, text, constraint),
        Action::AddIndex { name, columns, .. } => table.indexes.push(Index {
            name: name.clone(),
            columns: columns.clone(),
            unique: false,
            mentions: Vec::new(),
            worked_out: false,
        }),
        Action::DropIndex { name } => {
            table
                .indexes
                .retain(|index| index.name.as_ref() != Some(name));
            table
                .uniques
                .retain(|unique| unique.name.as_ref() != Some(name));
        }
        Action::ValidateConstraint { name } => {
            for check in &mut table.checks {
                check.2 |= check.0.as_ref() == Some(name);
            }
        }
        Action::DropConstraint { name, kind, .. } => drop_constraint(table, name, *kind),
        Action::ReplicaIdentity(identity) => table.replica_identity = Some(identity.clone()),
        Action::SetUnlogged => table.unlogged = true,
        Action::SetLogged => table.unlogged = false,
        Action::AttachPartition { .. } => table.partitioned = true,
        _ => {}
    }
}

fn drop_column(table: &mut Table, column: &str) {
    if let Some(at) = table.columns.iter().position(|c| c.name == column) {
        let gone = table.columns.remove(at);
        table.had.push(gone.data_type.name);
    }
}

fn drop_constraint(table: &mut Table, name: &str, kind: crate::operation::Dropped) {
    let own = Some(name.to_owned());
    let primary = kind == crate::operation::Dropped::PrimaryKey
        || table.primary_key_name == own
        || name == format!("{}_pkey", table.name.name);
    if primary {
        table.primary_key = None;
    }
    table.uniques.retain(|unique| unique.name != own);
    table.foreign_keys.retain(|key| key.name != own);
    let before = table.checks.len();
    table.checks.retain(|check| check.0 != own);
    // It may be one whose name the server has made up: none of those proves anything now.
    if table.checks.len() == before {
        let unnamed = table.checks.iter_mut().filter(|check| check.0.is_none());
        unnamed.for_each(|check| check.2 = false);
    }
}

fn add_column(table: &mut Table, text: &str, column: &Column, unit: usize) {
    table.columns.retain(|known| known.name != column.name);
    let known = KnownColumn::of(column, &table.letters, Some(unit));
    table.columns.push(known);
    add_own(table, text, column, true);
}

/// The keys and checks that are written within a column. `proven` says whether the rows that are there keep to the checks: MariaDB
/// asks none of them where it is MODIFY that brings one.
fn add_own(table: &mut Table, text: &str, column: &Column, proven: bool) {
    if column.primary_key {
        table.primary_key = Some(vec![column.name.clone()]);
    }
    if column.unique {
        let columns = vec![Some(column.name.clone())];
        table.uniques.push(Unique {
            name: column.unique_name.clone(),
            columns,
        });
    }
    for (name, expression) in &column.checks {
        let usual = || format!("{}_{}_check", table.name.name, column.name);
        let name = name.clone().unwrap_or_else(usual);
        let text = text[expression.clone()].to_owned();
        table.checks.push((Some(name), text, proven));
    }
    if let Some(reference) = &column.references {
        table.foreign_keys.push(ForeignKey {
            name: reference.name.clone(),
            columns: vec![column.name.clone()],
            table: reference.table.clone(),
            refers: reference.columns.clone(),
            acts_on_delete: reference.acts_on_delete,
        });
    }
}

fn add_constraint(table: &mut Table, text: &str, constraint: &Constraint) {
    let name = constraint.name.clone();
    match &constraint.kind {
        ConstraintKind::PrimaryKey {
            columns,
            using_index,
        } => {
            let of_index = using_index.as_ref().and_then(|own| {
                let index = table
                    .indexes
                    .iter()
                    .find(|i| i.name.as_ref() == Some(own))?;
                Some(index.columns.iter().flatten().cloned().collect())
            });
            let columns: Vec<String> = of_index.unwrap_or_else(|| columns.clone());
            for column in &columns {
                if let Some(known) = table.column_mut(column) {
                    known.not_null = true;
                }
            }
            table.primary_key = Some(columns);
            table.primary_key_name = name;
        }
        ConstraintKind::Unique { columns, .. } => {
            let columns = columns.clone();
            table.uniques.push(Unique { name, columns });
        }
        ConstraintKind::ForeignKey { columns, reference } => table.foreign_keys.push(ForeignKey {
            name,
            columns: columns.clone(),
            table: reference.table.clone(),
            refers: reference.columns.clone(),
            acts_on_delete: reference.acts_on_delete,
        }),
        ConstraintKind::Check { expression } => {
            let text = text[expression.clone()].to_owned();
            table.checks.push((name, text, !constraint.not_valid));
        }
        ConstraintKind::NotNull { column } => {
            if let Some(known) = table.column_mut(column) {
                known.not_null = !constraint.not_valid;
            }
        }
        ConstraintKind::Index { columns, .. } => table.indexes.push(Index {
            name,
            columns: columns.clone(),
            unique: false,
            mentions: Vec::new(),
            worked_out: false,
        }),
        ConstraintKind::Exclude { .. } => {}
    }
}
