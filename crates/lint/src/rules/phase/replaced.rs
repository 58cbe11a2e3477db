//! What becomes of a name that a file takes away: whether something takes its place, with what it held.

use super::{along, rows};
use crate::{
    judge::Scene,
    operation::{Action, Argument, Bytes, Create, CreateTable, Drop, Kind, Name, Operation},
};
use greylag_core::engine::Dialect;

/// What becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Something else has its name, and what it held.
    Replaced,
    /// Another table has its name, and what it held, but not these columns.
    Without(Vec<String>),
    /// Something else has its name and what it held, but CASCADE has taken this along.
    TookAlong(Vec<String>),
    /// A function has its name that can be called as it was, and gives something else.
    Gives,
    /// A function has its name that can be called as it was; what one of them gives is not known.
    MayGive,
    /// Something else has its name, and nothing of what it held.
    Emptied,
    Gone,
}

/// What becomes of a thing that this statement drops.
pub(super) fn of_dropped(scene: &Scene<'_>, drop: &Drop, at: usize) -> Fate {
    let name = &drop.names[at];
    let fate = match drop.kind {
        Kind::Table => of_dropped_table(scene, name),
        Kind::Trigger | Kind::Policy | Kind::Rule => match is_recreated(scene, drop, name) {
            true => Fate::Replaced,
            false => Fate::Gone,
        },
        Kind::Function => {
            let arguments = drop.arguments.get(at).and_then(Option::as_ref);
            of_function(scene, name, arguments.map(Vec::as_slice))
        }
        kind => {
            let mut later = scene.operations[scene.index..].iter();
            let Some(new) = later.find(|operation| makes(scene, operation, kind, name)) else {
                return Fate::Gone;
            };
            // Rows and numbers go with some; the columns of a type go with its CASCADE.
            let numbers = matches!(kind, Kind::Sequence | Kind::Schema | Kind::Database);
            let columns = matches!(kind, Kind::Type | Kind::Domain | Kind::Extension);
            match (numbers || columns && drop.cascade, new) {
                (true, _) => Fate::Emptied,
                (false, Operation::Create(view)) => of_view(scene, name, view),
                (false, _) => Fate::Replaced,
            }
        }
    };
    if fate != Fate::Replaced || !drop.cascade || scene.dialect() != Dialect::Postgres {
        return fate;
    }
    match along::taken_along(scene, drop.kind, name) {
        along if along.is_empty() => Fate::Replaced,
        along => Fate::TookAlong(along),
    }
}

/// What becomes of the name of a table that this statement renames.
pub(super) fn of_renamed(scene: &Scene<'_>, from: &Name) -> Fate {
    of_table(scene, scene.index, from)
}

/// Whether the table that takes a name over was made after what had the name, and so for its place. What no migration made was there
/// before all that they did; of two such, nobody knows.
pub(super) fn succeeds(scene: &Scene<'_>, from: &Name, to: &Name) -> Option<bool> {
    match (scene.catalog.age(from), scene.catalog.age(to)) {
        (Some(from), Some(to)) => Some(from > to),
        (Some(_), None) => Some(true),
        (None, Some(_)) => Some(false),
        (None, None) => None,
    }
}

/// Whether a later clause of this statement, or a later statement of its transaction, takes it back. Nobody else sees the table until then.
pub(super) fn is_taken_back(
    scene: &Scene<'_>,
    table: &Name,
    span: &Bytes,
    back: impl Fn(&Action) -> bool,
) -> bool {
    let own = scene.transaction();
    (scene.index..scene.operations.len())
        .filter(|at| *at == scene.index || own.is_some() && scene.transactions[*at] == own)
        .any(|at| match &scene.operations[at] {
            Operation::AlterTable(alter) if alter.name.is(table) => {
                // In its own statement, what stands behind it.
                let later = |own: &&(Action, Bytes)| at > scene.index || own.1.start > span.start;
                let mut later = alter.actions.iter().filter(later);
                later.any(|(action, _)| back(action))
            }
            _ => false,
        })
}

/// The table may have got this name just now, from one that something else has by now.
fn of_dropped_table(scene: &Scene<'_>, name: &Name) -> Fate {
    let fate = of_table(scene, scene.index, name);
    if fate != Fate::Gone {
        return fate;
    }
    let mut before = scene.operations[..scene.index].iter().enumerate();
    let renamed = before.find_map(|(at, operation)| {
        let (from, _) = renames(operation).find(|(_, to)| to.is(name))?;
        Some((at, from))
    });
    match renamed.map(|(at, from)| of_table(scene, at, from)) {
        // What it lacks was told where the name was taken.
        Some(Fate::Replaced | Fate::Without(_)) => Fate::Replaced,
        _ => Fate::Gone,
    }
}

/// What becomes of a table's name that the statement `gone_at` takes away.
fn of_table(scene: &Scene<'_>, gone_at: usize, name: &Name) -> Fate {
    let mut later = scene.operations[gone_at..].iter();
    if !later.any(|operation| makes(scene, operation, Kind::Table, name)) {
        return Fate::Gone;
    }
    if !rows::are_kept(scene, gone_at, name) {
        return Fate::Emptied;
    }
    match lost(scene, gone_at, name) {
        lost if lost.is_empty() => Fate::Replaced,
        lost => Fate::Without(lost),
    }
}

/// A view that is made anew may give less.
pub(super) fn of_view(scene: &Scene<'_>, name: &Name, new: &Create) -> Fate {
    let old = scene.catalog.columns_of_view(name);
    let (Some(old), Some(new)) = (old, &new.columns) else {
        return Fate::Replaced;
    };
    let lost: Vec<String> = old
        .iter()
        .filter(|own| !new.contains(own))
        .cloned()
        .collect();
    match lost.is_empty() {
        true => Fate::Replaced,
        false => Fate::Without(lost),
    }
}

/// Who calls the old function must be able to call the new one, and to read what it gives.
fn of_function(scene: &Scene<'_>, name: &Name, arguments: Option<&[Argument]>) -> Fate {
    let known = scene.catalog.function(name, arguments);
    // What is written at DROP doesn't say what is optional.
    let said = known.and_then(|known| known.arguments.as_deref());
    let old = said.or(arguments);
    let takes = |new: &[Argument]| {
        let Some(old) = old else { return true };
        let mut pairs = old.iter().zip(new);
        let mut more = new.iter().skip(old.len());
        new.len() >= old.len()
            && pairs
                .all(|(old, new)| old.data_type == new.data_type && (new.optional || !old.optional))
            && more.all(|new| new.optional)
    };
    let result = known.and_then(|known| known.result.as_ref());
    let later = scene.operations[scene.index..].iter();
    let made = later.filter_map(|operation| match operation {
        Operation::Create(create) if makes(scene, operation, Kind::Function, name) => Some(create),
        _ => None,
    });
    let made = made.filter(|create| create.arguments.as_deref().is_none_or(takes));
    let fates = made.map(|create| match (result, &create.result) {
        (Some(old), Some(new)) if old == new => Fate::Replaced,
        (Some(_), Some(_)) => Fate::Gives,
        // Whatever has the name of one that triggers call, or of a procedure, is one.
        (None, Some(new)) if matches!(&**new, "" | "trigger" | "event_trigger") => Fate::Replaced,
        _ => Fate::MayGive,
    });
    let fates: Vec<Fate> = fates.collect();
    let best = [Fate::Replaced, Fate::MayGive, Fate::Gives];
    let best = best.into_iter().find(|fate| fates.contains(fate));
    best.unwrap_or(Fate::Gone)
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
    let mut views = scene.operations[gone_at..].iter();
    let view = views.find_map(|operation| match operation {
        Operation::Create(create) if makes(scene, operation, Kind::View, name) => Some(create),
        _ => None,
    });
    let mut columns: Vec<&str> = match (made, scene.known(new)) {
        // A view that stands in for it.
        _ if from.is_none() && view.is_some() => {
            let Some(own) = view.and_then(|view| view.columns.as_ref()) else {
                return Vec::new();
            };
            own.iter().map(String::as_str).collect()
        }
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

pub(super) fn renames(operation: &Operation) -> impl Iterator<Item = (&Name, &Name)> {
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
        return later.any(|operation| makes(scene, operation, drop.kind, name));
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

/// Whether a statement makes what has the name. A view may take a table's place, and a table a view's; no temporary one does.
fn makes(scene: &Scene<'_>, operation: &Operation, kind: Kind, name: &Name) -> bool {
    let is = |made: &Name| scene.catalog.is_same(made, name);
    let read = |kind: Kind| matches!(kind, Kind::Table | Kind::View | Kind::MaterializedView);
    match operation {
        Operation::Create(create) => {
            let same = create.kind == kind || read(create.kind) && read(kind);
            same && !create.temporary && create.name.as_ref().is_some_and(is)
        }
        Operation::CreateTable(create) => read(kind) && !create.temporary && is(&create.name),
        _ => read(kind) && renames(operation).any(|(_, to)| is(to)),
    }
}
