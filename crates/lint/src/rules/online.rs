//! What an ALTER of MySQL or MariaDB costs, at the oldest version of the fleet.

use crate::{
    effects::{Algorithm, clause_of, clauses as known_clauses, index_clause, usual_version},
    finding::Decided,
    judge::Scene,
    operation::{Action, Bytes, ConstraintKind, Dropped, Name, Operation, Work},
    version::ServerVersion,
};
use greylag_core::{engine::Dialect, online::Asked};

/// What a clause, or a whole statement, costs.
#[derive(Clone, Debug)]
pub(super) struct Cost<'a> {
    pub(super) table: &'a Name,
    pub(super) span: Bytes,
    pub(super) title: &'static str,
    pub(super) algorithm: Algorithm,
    /// Writes wait until it is done.
    pub(super) writes_wait: bool,
    pub(super) version: ServerVersion,
    pub(super) decided: Decided,
}

/// The statement's cost: that of its slowest clause. None for new tables, and where nothing is known.
pub(super) fn cost<'a>(scene: &Scene<'a>) -> Option<Cost<'a>> {
    clauses(scene)
        .into_iter()
        .max_by_key(|cost| (cost.algorithm, cost.writes_wait))
}

/// Whether a tool does what the server can't do beside running traffic (`-- greylag:online TOOL`).
pub(super) fn is_handed_over(scene: &Scene<'_>) -> bool {
    let Ok(content) = &scene.unit.content else {
        return false;
    };
    let said = content.migration.directives.online.as_deref();
    Asked::of(said).tool().is_some()
}

/// Each clause that is known, with what it costs.
pub(super) fn clauses<'a>(scene: &Scene<'a>) -> Vec<Cost<'a>> {
    if scene.dialect() != Dialect::Mysql {
        return Vec::new();
    }
    match scene.operation {
        Operation::AlterTable(_) => scene
            .actions()
            .filter_map(|(table, action, span)| {
                let id = match clause_of(action, scene.known(table))? {
                    // One goes and another comes: the table is written anew once.
                    "drop-primary-key" | "drop-primary-key-beside-unique" | "add-primary-key"
                        if swaps_primary_key(scene.operation) =>
                    {
                        "swap-primary-key"
                    }
                    id => id,
                };
                one(scene, table, span.clone(), id)
            })
            .collect(),
        Operation::CreateIndex(create) if !scene.is_new(&create.table) => {
            let id = index_clause(create.kind.as_deref());
            one(scene, &create.table, scene.whole(), id)
                .into_iter()
                .collect()
        }
        Operation::Maintain(maintain) if maintain.work == Work::Optimize => maintain
            .tables
            .iter()
            .filter_map(|table| one(scene, table, table.span.clone(), "rebuild"))
            .collect(),
        _ => Vec::new(),
    }
}

fn swaps_primary_key(operation: &Operation) -> bool {
    let Operation::AlterTable(alter) = operation else {
        return false;
    };
    let any = |is: fn(&Action) -> bool| alter.actions.iter().any(|(action, _)| is(action));
    let adds = any(|action| match action {
        Action::AddConstraint(constraint) => {
            matches!(constraint.kind, ConstraintKind::PrimaryKey { .. })
        }
        _ => false,
    });
    let drops = any(|action| match action {
        Action::DropConstraint { kind, .. } => *kind == Dropped::PrimaryKey,
        _ => false,
    });
    adds && drops
}

fn one<'a>(scene: &Scene<'a>, table: &'a Name, span: Bytes, id: &str) -> Option<Cost<'a>> {
    let engine = scene.unit.engine;
    let (version, decided) = match scene.versions() {
        Some((versions, decided)) => (versions.oldest, decided),
        None => (usual_version(engine), Decided::Text),
    };
    let clause = known_clauses(engine)
        .iter()
        .find(|clause| clause.id == id)?;
    let (algorithm, writes_wait) = clause.at(version)?;
    Some(Cost {
        table,
        span,
        title: &clause.title,
        algorithm,
        writes_wait,
        version,
        decided,
    })
}
