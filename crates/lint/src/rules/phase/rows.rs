//! Where the rows of a table go that a file takes away.
//!
//! Follows names from statement to statement. Knows no conditions: a copy counts, whatever it leaves out, unless it takes nothing at all.

use super::replaced::{renames, succeeds};
use crate::{
    judge::Scene,
    operation::{Action, CreateTable, Kind, Name, Operation, Verb, Write},
};

/// Whether what has the name in the end holds the rows of the table that the statement `gone_at` takes the name from: they were copied
/// there, or went with a rename, or a table that was there before, and so was filled, takes the name.
pub(super) fn are_kept(scene: &Scene<'_>, gone_at: usize, name: &Name) -> bool {
    let mut holders = Holders {
        scene,
        names: vec![name],
        parents: Vec::new(),
        through: Vec::new(),
    };
    for (at, operation) in scene.operations.iter().enumerate() {
        holders.follow(operation);
        let mut taken_over = renames(operation).filter(|(_, to)| holders.is(to, name));
        if at >= gone_at && taken_over.any(|(from, to)| was_filled(scene, from, to)) {
            holders.add(name);
        }
    }
    holders.hold(name)
}

/// What was there before has its rows, for all that is known; unless it is older than what it takes the place of, and was made for
/// something else.
fn was_filled(scene: &Scene<'_>, from: &Name, to: &Name) -> bool {
    let made_here = scene.operations.iter().any(|operation| {
        matches!(operation, Operation::CreateTable(create) if scene.catalog.is_same(&create.name, from))
    });
    !made_here && succeeds(scene, from, to) != Some(false)
}

/// The tables and views that hold the rows, as far as the file has come.
struct Holders<'s, 'a> {
    scene: &'s Scene<'a>,
    names: Vec<&'s Name>,
    /// Partitions and other heirs, each with its parent.
    parents: Vec<(&'s Name, &'s Name)>,
    /// Those parents that hold them through a child alone, each behind it.
    through: Vec<(&'s Name, &'s Name)>,
}

impl<'s> Holders<'s, '_> {
    fn is(&self, one: &Name, other: &Name) -> bool {
        self.scene.catalog.is_same(one, other)
    }

    fn hold(&self, name: &Name) -> bool {
        self.names.iter().any(|own| self.is(own, name))
    }

    /// Whoever reads the parent of a partition reads the partition.
    fn add(&mut self, name: &'s Name) {
        if self.hold(name) {
            return;
        }
        self.names.push(name);
        let parents = self
            .parents
            .iter()
            .filter(|(child, _)| self.is(child, name));
        let parents: Vec<&Name> = parents.map(|(_, parent)| *parent).collect();
        for parent in parents {
            self.add_through(name, parent);
        }
    }

    fn add_through(&mut self, child: &'s Name, parent: &'s Name) {
        if !self.hold(parent) {
            self.through.push((child, parent));
            self.add(parent);
        }
    }

    fn remove(&mut self, name: &Name) {
        let catalog = self.scene.catalog;
        self.names.retain(|own| !catalog.is_same(own, name));
    }

    fn inherit(&mut self, child: &'s Name, parent: &'s Name) {
        self.parents.push((child, parent));
        if self.hold(child) {
            self.add_through(child, parent);
        }
    }

    /// What the parent had of this child alone, it has no more.
    fn disinherit(&mut self, child: &Name, parent: &Name) {
        let catalog = self.scene.catalog;
        let pair = |(own, other): &(&Name, &Name)| {
            catalog.is_same(own, child) && catalog.is_same(other, parent)
        };
        self.parents.retain(|own| !pair(own));
        if self.through.iter().any(pair) {
            self.through.retain(|own| !pair(own));
            self.remove(parent);
        }
    }

    fn follow(&mut self, operation: &'s Operation) {
        match operation {
            Operation::CreateTable(create) => self.create(create),
            Operation::Create(view) if matches!(view.kind, Kind::View | Kind::MaterializedView) => {
                let filled = view.reads.iter().any(|read| self.hold(read));
                if let Some(name) = view.name.as_ref().filter(|_| filled) {
                    self.add(name);
                }
            }
            Operation::Drop(drop)
                if matches!(drop.kind, Kind::Table | Kind::View | Kind::MaterializedView) =>
            {
                drop.names.iter().for_each(|name| self.remove(name));
            }
            Operation::Truncate(truncate) => {
                truncate.tables.iter().for_each(|name| self.remove(name));
            }
            Operation::Write(write) => {
                for write in std::iter::once(write).chain(&write.within) {
                    let Some(target) = &write.table else { continue };
                    if self.copies(write) {
                        self.add(target);
                    } else if deletes_all(write) {
                        self.remove(target);
                    }
                }
            }
            Operation::AlterTable(alter) => {
                for (action, _) in &alter.actions {
                    if let Some((from, to)) = alter.renaming(action) {
                        let held = self.hold(from);
                        self.remove(from);
                        self.remove(to);
                        if held {
                            self.add(to);
                        }
                    }
                    match action {
                        Action::AttachPartition { partition, .. } => {
                            self.inherit(partition, &alter.name);
                        }
                        Action::Inherit { parent } => self.inherit(&alter.name, parent),
                        Action::DetachPartition { partition, .. } => {
                            self.disinherit(partition, &alter.name);
                        }
                        Action::NoInherit { parent } => self.disinherit(&alter.name, parent),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }

    fn create(&mut self, create: &'s CreateTable) {
        let copied = create
            .query
            .as_ref()
            .is_some_and(|query| self.copies(query));
        if create.or_replace {
            self.remove(&create.name);
        }
        if copied {
            self.add(&create.name);
        }
        for parent in create.partition_of.iter().chain(&create.inherits) {
            self.inherit(&create.name, parent);
        }
    }

    fn copies(&self, write: &Write) -> bool {
        let mut sources = write.sources.iter();
        sources.any(|source| self.hold(&source.table))
    }
}

fn deletes_all(write: &Write) -> bool {
    let every = write.condition.is_none() || write.always_true;
    write.verb == Verb::Delete && every && !write.limit && !write.beside
}
