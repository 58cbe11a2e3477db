//! What becomes of a name that a file takes away: whether something takes its place, with what it held.

use crate::{
    judge::Scene,
    operation::{Action, CreateTable, Drop, Kind, Name, Operation},
};

/// What becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Something else has its name, and what it held.
    Replaced,
    /// Another table has its name, and what it held, but not these columns.
    Without(Vec<String>),
    /// Something else has its name, and nothing of what it held.
    Emptied,
    Gone,
}

/// What becomes of a thing that this statement drops.
pub(super) fn of_dropped(scene: &Scene<'_>, drop: &Drop, name: &Name) -> Fate {
    match drop.kind {
        Kind::Table => of_dropped_table(scene, name),
        Kind::Trigger | Kind::Policy | Kind::Rule => match is_recreated(scene, drop, name) {
            true => Fate::Replaced,
            false => Fate::Gone,
        },
        kind => {
            let mut later = scene.operations[scene.index..].iter();
            if !later.any(|operation| makes(operation, kind, name)) {
                return Fate::Gone;
            }
            // Rows and numbers go with some; the columns of a type go with its CASCADE.
            let numbers = matches!(kind, Kind::Sequence | Kind::Schema | Kind::Database);
            let columns = matches!(kind, Kind::Type | Kind::Domain | Kind::Extension);
            match numbers || columns && drop.cascade {
                true => Fate::Emptied,
                false => Fate::Replaced,
            }
        }
    }
}

/// What becomes of the name of a table that this statement renames.
pub(super) fn of_renamed(scene: &Scene<'_>, from: &Name, to: &Name) -> Fate {
    of_table(scene, scene.index, from, to, scene.operations.len())
}

/// Whether a later clause of this statement, or a later statement of its transaction, takes it back. Nobody else sees the table until then.
pub(super) fn is_taken_back(
    scene: &Scene<'_>,
    table: &Name,
    back: impl Fn(&Action) -> bool,
) -> bool {
    let own = scene.transaction();
    (scene.index..scene.operations.len())
        .filter(|at| *at == scene.index || own.is_some() && scene.transactions[*at] == own)
        .any(|at| match &scene.operations[at] {
            Operation::AlterTable(alter) if alter.name.is(table) => {
                alter.actions.iter().any(|(action, _)| back(action))
            }
            _ => false,
        })
}

/// The table may have got this name just now, from one that something else has by now.
fn of_dropped_table(scene: &Scene<'_>, name: &Name) -> Fate {
    let fate = of_table(scene, scene.index, name, name, scene.index);
    if fate != Fate::Gone {
        return fate;
    }
    let mut before = scene.operations[..scene.index].iter().enumerate();
    let renamed = before.find_map(|(at, operation)| {
        let (from, _) = renames(operation).find(|(_, to)| to.is(name))?;
        Some((at, from))
    });
    let renamed = renamed.map(|(at, from)| of_table(scene, at, from, name, scene.index));
    match renamed {
        // What it lacks was told where the name was taken.
        Some(Fate::Replaced | Fate::Without(_)) => Fate::Replaced,
        _ => Fate::Gone,
    }
}

/// What becomes of a table's name that the statement `gone_at` takes away. Its rows are under the other name from there until the
/// statement `until`.
fn of_table(scene: &Scene<'_>, gone_at: usize, name: &Name, other: &Name, until: usize) -> Fate {
    let later = || scene.operations[gone_at..].iter();
    if !later().any(|operation| makes(operation, Kind::Table, name)) {
        return Fate::Gone;
    }
    let made_here = |name: &Name| {
        let mut all = scene.operations.iter();
        all.any(
            |operation| matches!(operation, Operation::CreateTable(create) if create.name.is(name)),
        )
    };
    // What was there before has its rows, for all that is known.
    let filled = later()
        .flat_map(renames)
        .any(|(from, to)| to.is(name) && !made_here(from));
    let copied = scene.operations[..until]
        .iter()
        .enumerate()
        .any(|(at, operation)| {
            copies(operation).any(|read| read.is(if at <= gone_at { name } else { other }))
        });
    if !filled && !copied {
        return Fate::Emptied;
    }
    match lost(scene, gone_at, name) {
        lost if lost.is_empty() => Fate::Replaced,
        lost => Fate::Without(lost),
    }
}

/// The columns that the table had and the one that takes its place hasn't, as far as both are known.
fn lost(scene: &Scene<'_>, gone_at: usize, name: &Name) -> Vec<String> {
    let later = scene.operations[gone_at..].iter();
    let from = later.flat_map(renames).find(|(_, to)| to.is(name));
    let new = from.map_or(name, |(from, _)| from);
    let mut made = scene.operations.iter();
    let made = made.find_map(|operation| match operation {
        Operation::CreateTable(create) if create.name.is(new) => Some(create),
        _ => None,
    });
    let whole = |create: &&CreateTable| {
        create.query.is_none() && create.like.is_none() && create.inherits.is_empty()
    };
    let mut columns: Vec<&str> = match (made, scene.known(new)) {
        (Some(create), _) if whole(&create) => {
            create.columns.iter().map(|own| &*own.name).collect()
        }
        (None, Some(known)) if from.is_some() && !known.partly => {
            known.columns.iter().map(|own| &*own.name).collect()
        }
        _ => return Vec::new(),
    };
    let alters = scene
        .operations
        .iter()
        .flat_map(|operation| match operation {
            Operation::AlterTable(alter) if alter.name.is(new) || alter.name.is(name) => {
                alter.actions.as_slice()
            }
            _ => &[],
        });
    columns.extend(alters.filter_map(|(action, _)| match action {
        Action::AddColumn { column, .. } => Some(&*column.name),
        Action::RenameColumn { to, .. } => Some(to.as_str()),
        _ => None,
    }));
    let old = scene.known(name).map(|known| known.columns.as_slice());
    let old = old.unwrap_or_default().iter();
    old.filter(|own| !scene.is_new_column(name, &own.name))
        .map(|own| own.name.clone())
        .filter(|own| !columns.contains(&own.as_str()))
        .collect()
}

/// The tables whose rows a statement copies into another.
fn copies(operation: &Operation) -> Box<dyn Iterator<Item = &Name> + '_> {
    match operation {
        Operation::CreateTable(create) => {
            Box::new(create.query.iter().flat_map(|query| &query.reads))
        }
        Operation::Write(write) => {
            let writes = std::iter::once(write).chain(&write.within);
            Box::new(writes.flat_map(|write| &write.reads))
        }
        _ => Box::new(std::iter::empty()),
    }
}

fn renames(operation: &Operation) -> impl Iterator<Item = (&Name, &Name)> {
    let alter = match operation {
        Operation::AlterTable(alter) => Some(alter),
        _ => None,
    };
    alter.into_iter().flat_map(|alter| alter.renames())
}

/// A trigger, policy or rule is made anew by its name; or for each that goes there is another of the same table, under a name of its own.
fn is_recreated(scene: &Scene<'_>, drop: &Drop, name: &Name) -> bool {
    let Some(on) = &drop.on else {
        let mut later = scene.operations[scene.index..].iter();
        return later.any(|operation| makes(operation, drop.kind, name));
    };
    let made: Vec<&Name> = scene
        .operations
        .iter()
        .filter_map(|operation| match operation {
            Operation::Create(create) => {
                let own = create.kind == drop.kind && create.on.as_ref()?.is(on);
                create.name.as_ref().filter(|_| own)
            }
            _ => None,
        })
        .collect();
    let dropped: Vec<&Name> = scene
        .operations
        .iter()
        .filter_map(|operation| match operation {
            Operation::Drop(other) if other.kind == drop.kind => {
                other.on.as_ref().filter(|other| other.is(on))?;
                Some(&other.names)
            }
            _ => None,
        })
        .flatten()
        .collect();
    let is_in = |names: &[&Name], name: &Name| names.iter().any(|own| own.is(name));
    if is_in(&made, name) {
        return true;
    }
    let others = made.iter().filter(|own| !is_in(&dropped, own)).count();
    let mut gone = dropped.iter().filter(|own| !is_in(&made, own));
    gone.position(|own| own.is(name))
        .is_some_and(|at| at < others)
}

/// Whether a statement makes what has the name. A view may take a table's place, and a table a view's.
fn makes(operation: &Operation, kind: Kind, name: &Name) -> bool {
    let read = |kind: Kind| matches!(kind, Kind::Table | Kind::View | Kind::MaterializedView);
    match operation {
        Operation::Create(create) => {
            let same = create.kind == kind || read(create.kind) && read(kind);
            same && create.name.as_ref().is_some_and(|made| made.is(name))
        }
        Operation::CreateTable(create) => read(kind) && create.name.is(name),
        _ => read(kind) && renames(operation).any(|(_, to)| to.is(name)),
    }
}
