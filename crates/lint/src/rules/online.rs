//! What an ALTER of MySQL or MariaDB costs, at the oldest version of the fleet.

use crate::{
    effects::{
        Algorithm, beside, clause_of, clauses as known_clauses, index_clause, usual_version,
    },
    finding::Decided,
    judge::Scene,
    operation::{Action, AlterTable, Bytes, ConstraintKind, Dropped, Name, Operation, Work},
    version::ServerVersion,
};
use greylag_core::{
    engine::{Dialect, Engine},
    online::Asked,
};

/// What a clause, or a whole statement, costs.
#[derive(Clone, Debug)]
pub(crate) struct Cost<'a> {
    pub(crate) table: &'a Name,
    pub(crate) span: Bytes,
    pub(crate) title: &'static str,
    pub(crate) algorithm: Algorithm,
    /// Writes wait until it is done.
    pub(crate) writes_wait: bool,
    /// So do reads, because the file asks for it.
    pub(crate) reads_wait: bool,
    /// How it is done in place, where that isn't how it is done.
    in_place: Option<Algorithm>,
    pub(crate) version: ServerVersion,
    pub(crate) decided: Decided,
}

/// The statement's cost: that of its slowest clause, or what its own ALGORITHM and LOCK make of it. None for new tables, and
/// where nothing is known.
pub(crate) fn cost<'a>(scene: &Scene<'a>) -> Option<Cost<'a>> {
    let (table, algorithm, lock) = match scene.operation {
        Operation::AlterTable(alter) => (Some(&alter.name), &alter.algorithm, &alter.lock),
        Operation::CreateIndex(create) => (Some(&create.table), &create.algorithm, &create.lock),
        Operation::DropIndex(drop) => (drop.table.as_ref(), &drop.algorithm, &drop.lock),
        _ => (None, &None, &None),
    };
    let needed = needed(scene);
    if algorithm.is_none() && lock.is_none() || scene.dialect() != Dialect::Mysql {
        return needed;
    }
    let table = table.filter(|table| !scene.is_new(table))?;
    let mut cost = needed.unwrap_or_else(|| {
        let (version, decided) = version(scene);
        Cost {
            table,
            span: scene.whole(),
            title: "this",
            algorithm: Algorithm::Instant,
            writes_wait: false,
            reads_wait: false,
            in_place: None,
            version,
            decided,
        }
    });
    match algorithm.as_deref() {
        Some("COPY") if cost.algorithm < Algorithm::Copy => {
            cost.title = "ALGORITHM=COPY";
            cost.algorithm = Algorithm::Copy;
            cost.writes_wait = true;
        }
        Some("INPLACE") if cost.algorithm == Algorithm::Instant => {
            cost.algorithm = cost.in_place.unwrap_or(Algorithm::InplaceMetadata);
        }
        _ => {}
    }
    match lock.as_deref() {
        Some("EXCLUSIVE") => {
            cost.title = "LOCK=EXCLUSIVE";
            cost.writes_wait = true;
            cost.reads_wait = true;
        }
        Some("SHARED") if !cost.writes_wait => {
            cost.title = "LOCK=SHARED";
            cost.writes_wait = true;
        }
        _ => {}
    }
    Some(cost)
}

/// What the slowest clause costs, whatever the statement asks for.
pub(crate) fn needed<'a>(scene: &Scene<'a>) -> Option<Cost<'a>> {
    clauses(scene)
        .into_iter()
        .max_by_key(|cost| (cost.algorithm, cost.writes_wait))
}

/// Whether a tool does what the server can't do beside running traffic (`-- greylag:online TOOL`).
pub(crate) fn is_handed_over(scene: &Scene<'_>) -> bool {
    let Ok(content) = &scene.unit.content else {
        return false;
    };
    let said = content.migration.directives.online.as_deref();
    Asked::of(said).tool().is_some()
}

/// Why what a clause costs can't be told, where it can't. An algorithm that the author asserts answers that, and so does a tool.
pub(crate) fn unclear(scene: &Scene<'_>) -> Option<String> {
    let asserts =
        |alter: &AlterTable| matches!(alter.algorithm.as_deref(), Some("INSTANT" | "COPY"));
    match scene.operation {
        Operation::AlterTable(alter) if scene.dialect() == Dialect::Mysql && !asserts(alter) => {}
        _ => return None,
    }
    if is_handed_over(scene) {
        return None;
    }
    scene.actions().find_map(|(table, action, _)| {
        let known = scene.known(table);
        if clause_of(action, known).is_some() {
            return None;
        }
        Some(match action {
            Action::ModifyColumn { from, .. }
                if known.is_none_or(|known| known.column(from).is_none()) =>
            {
                format!(
                    "no migration says what {table}.{from} was before, so whether the table is copied can't be told"
                )
            }
            Action::ModifyColumn { from, column, .. } if column.generated.is_some() => {
                format!("whether {table}.{from} is worked out in another way than before isn't read")
            }
            Action::ModifyColumn { from, .. } => {
                format!(
                    "whether {table}.{from} keeps its character set and collation can't be told, or what another collation makes the server do"
                )
            }
            _ => "what this clause makes the server do to the table isn't known".to_owned(),
        })
    })
}

/// Each clause that is known, with what it costs.
pub(crate) fn clauses<'a>(scene: &Scene<'a>) -> Vec<Cost<'a>> {
    if scene.dialect() != Dialect::Mysql {
        return Vec::new();
    }
    match scene.operation {
        Operation::AlterTable(_) => scene
            .actions()
            .filter_map(|(table, action, span)| {
                let own = match clause_of(action, scene.known(table))? {
                    _ if references_inline(scene, action) => "add-foreign-key",
                    // One goes and another comes: the table is written anew once.
                    "drop-primary-key" | "drop-primary-key-beside-unique" | "add-primary-key"
                        if swaps_primary_key(scene.operation) =>
                    {
                        "swap-primary-key"
                    }
                    id => id,
                };
                let all = std::iter::once(own).chain(beside(action));
                let costs = all.filter_map(|id| one(scene, table, span.clone(), id));
                costs.max_by_key(|cost| (cost.algorithm, cost.writes_wait))
            })
            .collect(),
        Operation::CreateIndex(create) if !scene.is_new(&create.table) => {
            let id = index_clause(create.kind.as_deref());
            one(scene, &create.table, scene.whole(), id)
                .into_iter()
                .collect()
        }
        Operation::DropIndex(drop) => {
            let table = drop.table.as_ref().filter(|table| !scene.is_new(table));
            table
                .and_then(|table| one(scene, table, scene.whole(), "drop-index"))
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
        Action::ModifyColumn { column, .. } => column.primary_key,
        _ => false,
    });
    let drops = any(|action| match action {
        Action::DropConstraint { kind, .. } => *kind == Dropped::PrimaryKey,
        _ => false,
    });
    adds && drops
}

/// A new column's own REFERENCES: a foreign key on MariaDB, and on MySQL since 9.0.
fn references_inline(scene: &Scene<'_>, action: &Action) -> bool {
    let Action::AddColumn { column, .. } = action else {
        return false;
    };
    let counts =
        scene.unit.engine == Engine::Mariadb || version(scene).0 >= ServerVersion::new(9, 0, 0);
    column.references.is_some() && counts
}

/// The oldest server's, as far as it is known.
fn version(scene: &Scene<'_>) -> (ServerVersion, Decided) {
    match scene.versions() {
        Some((versions, decided)) => (versions.oldest, decided),
        None => (usual_version(scene.unit.engine), Decided::Text),
    }
}

fn one<'a>(scene: &Scene<'a>, table: &'a Name, span: Bytes, id: &str) -> Option<Cost<'a>> {
    let (version, decided) = version(scene);
    let clause = known_clauses(scene.unit.engine)
        .iter()
        .find(|clause| clause.id == id)?;
    let (algorithm, writes_wait) = clause.at(version)?;
    let mut ways = clause.ways().map(|(_, algorithm, _)| algorithm);
    let in_place = ways.find(|way| !matches!(way, Algorithm::Instant | Algorithm::Copy));
    Some(Cost {
        table,
        span,
        title: &clause.title,
        algorithm,
        writes_wait,
        reads_wait: false,
        in_place,
        version,
        decided,
    })
}
