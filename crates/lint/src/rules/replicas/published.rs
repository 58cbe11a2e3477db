//! Whether a table is published, by what the fleet, the project and its migrations tell.

use crate::{
    finding::Decided,
    judge::Scene,
    operation::{Change, Kind, Name, Operation},
};

/// Whether a table is published, by what is known: whether by FOR ALL TABLES, and how that is known.
pub(super) fn published(scene: &Scene<'_>, table: &Name) -> Option<(bool, Decided)> {
    if let Some(all) = seen(scene, table) {
        return Some((all, Decided::Fleet));
    }
    match scene.settings.logical_replication {
        Some(true) => return Some((true, Decided::Config)),
        Some(false) => return None,
        None => {}
    }
    let all = scene.catalog.publishing(table)?;
    Some((all, Decided::Text))
}

/// Whether tables are published by name, and neither a publication nor a later statement of the file names this one.
pub(super) fn is_left_out(scene: &Scene<'_>, table: &Name) -> Option<Decided> {
    let publications = scene.fleet.map_or(&[][..], |fleet| &fleet.publications);
    let decided = if publications.iter().any(|one| one.all_tables) {
        return None;
    } else if !publications.is_empty() {
        Decided::Fleet
    } else if scene.settings.logical_replication != Some(false) && scene.catalog.publishes_by_name()
    {
        Decided::Text
    } else {
        return None;
    };
    let known = |name: &Name| scene.catalog.publishing(name).is_some();
    let carried =
        seen(scene, table).is_some() || known(table) || own_parent(scene, table).is_some_and(known);
    let later = &scene.operations[scene.index..];
    (!carried && !later.iter().any(|operation| publishes(operation, table))).then_some(decided)
}

/// By the fleet's publications; a partition goes with what it is a partition of.
fn seen(scene: &Scene<'_>, table: &Name) -> Option<bool> {
    let publications = &scene.fleet?.publications;
    if publications.iter().any(|one| one.all_tables) {
        return Some(true);
    }
    let mut name = table;
    for _ in 0..8 {
        let schema = name.schema.as_deref();
        if publications.iter().any(|one| one.names(schema, &name.name)) {
            return Some(false);
        }
        name = match own_parent(scene, name) {
            Some(parent) => parent,
            None => scene.known(name)?.parent.as_ref()?,
        };
    }
    None
}

/// What the statement itself makes it a partition of.
fn own_parent<'a>(scene: &Scene<'a>, table: &Name) -> Option<&'a Name> {
    match scene.operation {
        Operation::CreateTable(create) if create.name.is(table) => create.partition_of.as_ref(),
        _ => None,
    }
}

fn publishes(operation: &Operation, table: &Name) -> bool {
    match operation {
        Operation::Create(create) if create.kind == Kind::Publication => {
            create.published.all_tables || create.published.names(table)
        }
        Operation::Alter(alter) => match &alter.change {
            Change::Tables { of, .. } => of.names(table),
            _ => false,
        },
        _ => false,
    }
}
