//! A contract drops what its change didn't replace.

use crate::{
    catalog::About,
    operation::{Action, Bytes, Drop, Kind, Name, Operation},
};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{ALL, Group, Look, Rule},
};
use greylag_core::migration::Phase;

pub(super) static CONTRACT_DROPS_OTHERS: Rule = Rule {
    id: "contract-drops-others",
    group: Group::Phase,
    severity: Some(Severity::Warning),
    dialects: ALL,
    title: "a contract drops what its change didn't replace",
    about: "A contract waits for its own change: for its expand everywhere, its backfill, its apps. What \
            another change is about has not been waited for. A contract may drop a table that an earlier \
            migration of the same change altered, wrote, copied from or renamed; of such a table its constraints, and the columns and indexes \
            that the change names; views over it, types of its columns, and what else the change names.",
    bad: include_str!("contract_drops_others/bad.sql"),
    good: include_str!("contract_drops_others/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let Some(change) = scene.content.migration.directives.change.as_deref() else {
        return Vec::new();
    };
    // Without an earlier migration there is nothing to compare with, which another rule says.
    let Some(about) = scene
        .catalog
        .about(change)
        .filter(|_| scene.phase() == Phase::Contract)
    else {
        return Vec::new();
    };
    let before = &scene.operations[..scene.index];
    let of = Replaced {
        scene,
        about,
        before,
    };
    let told = |span: &Bytes, what: String| {
        Draft::new(span.clone(), format!("{what} is dropped, and no earlier migration of {change} was about it"))
            .why("The contract waits for its own change only: nobody has made sure that apps do without this.")
            .instead("Check the name of the change, or give this drop a change of its own.")
    };
    match scene.operation {
        Operation::AlterTable(_) => scene
            .actions()
            .filter_map(|(table, action, span)| match action {
                Action::DropColumn { column, .. } if !of.column(table, column) => {
                    Some(told(span, format!("{table}.{column}")))
                }
                Action::DropConstraint { name, .. } | Action::DropIndex { name }
                    if !of.on(table, name) =>
                {
                    Some(told(span, format!("{name} of {table}")))
                }
                _ => None,
            })
            .collect(),
        Operation::DropIndex(drop) => {
            let gone = drop.names.iter().filter(|name| {
                let known = scene
                    .catalog
                    .index(&name.name)
                    .map(|(table, _)| &table.name);
                let table = drop.table.as_ref().or(known);
                table.is_none_or(|table| !scene.is_new(table)) && !of.index(table, &name.name)
            });
            gone.map(|name| told(&name.span, name.to_string()))
                .collect()
        }
        Operation::Drop(drop) if !is_servers_own(drop.kind) => {
            if drop.on.as_ref().is_some_and(|on| scene.is_new(on)) {
                return Vec::new();
            }
            let old = drop.names.iter().filter(|name| !scene.is_new(name));
            let gone = old.filter(|name| !of.object(drop, name));
            gone.map(|name| told(&name.span, name.to_string()))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// These have rules of their own, or no name.
fn is_servers_own(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Publication | Kind::Subscription | Kind::EventTrigger | Kind::Event | Kind::Other
    )
}

/// What the change has replaced, as far as its migrations tell.
struct Replaced<'a> {
    scene: &'a Scene<'a>,
    about: &'a About,
    /// What stands before in the file.
    before: &'a [Operation],
}

impl Replaced<'_> {
    fn table(&self, table: &Name) -> bool {
        self.about.has_touched(table, self.before)
    }

    fn column(&self, table: &Name, column: &str) -> bool {
        self.table(table) && self.about.mentions(column)
    }

    /// A constraint, trigger or policy goes with its table.
    fn on(&self, table: &Name, name: &str) -> bool {
        self.table(table) || self.about.mentions(name)
    }

    /// An index of a table that the change is about, over one of the columns that it is about.
    fn index(&self, table: Option<&Name>, name: &str) -> bool {
        if self.about.mentions(name) {
            return true;
        }
        let Some(table) = table.filter(|table| self.table(table)) else {
            return false;
        };
        let known = self.scene.known(table);
        let index = known.and_then(|known| {
            let mut indexes = known.indexes.iter();
            indexes.find(|index| index.name.as_deref() == Some(name))
        });
        index.is_none_or(|index| {
            let columns = index.columns.iter().flatten();
            let mut columns = columns.chain(&index.mentions);
            columns.any(|column| self.about.mentions(column))
        })
    }

    fn object(&self, drop: &Drop, name: &Name) -> bool {
        if let Some(on) = &drop.on {
            return self.on(on, &name.name);
        }
        let catalog = self.scene.catalog;
        let reads = || {
            let reads = catalog.reads_of_view(name);
            reads.iter().any(|read| self.table(read))
        };
        let typed = || {
            let mut tables = catalog.tables_with(&name.name);
            tables.any(|table| self.table(&table.name))
        };
        match drop.kind {
            Kind::Table => self.table(name),
            Kind::View | Kind::MaterializedView => self.about.mentions(&name.name) || reads(),
            Kind::Type | Kind::Domain => self.about.mentions(&name.name) || typed(),
            _ => self.about.mentions(&name.name),
        }
    }
}
