//! Rows that a foreign key changes are not in the binary log.

use crate::operation::{Action, Bytes, Constraint, ConstraintKind, Name, Operation};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, MYSQL, Rule},
};

pub(super) static CASCADE_NOT_LOGGED: Rule = Rule {
    id: "cascade-not-logged",
    group: Group::Replicas,
    severity: Some(Severity::Note),
    dialects: MYSQL,
    title: "rows that a foreign key changes are not in the binary log",
    about: "InnoDB carries out ON DELETE CASCADE and SET NULL below the binary log: on MariaDB, and on MySQL before 9.6 (later \
            where `innodb_native_foreign_keys` is on). Replicas do the same by \
            themselves; CDC, gh-ost and whatever else reads the log never hears of those rows. Where all servers are known to \
            be newer, it says nothing.",
    bad: include_str!("cascade_not_logged/bad.sql"),
    good: include_str!("cascade_not_logged/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let told = |span: &Bytes, table: &Name| {
        Draft::new(span.clone(), format!("what {table} cascades is in no binary log"))
            .why("Readers of the binary log (CDC, gh-ost) miss the rows that the foreign key deletes or changes.")
            .replicas("Replicas repeat the cascade by themselves.")
            .instead("Delete in the application, or make sure that nobody reads the log of this table.")
    };
    if scene.logs_cascades().0 {
        return Vec::new();
    }
    match scene.operation {
        Operation::CreateTable(create) => {
            let inline = create
                .columns
                .iter()
                .filter_map(|column| Some((column.span.clone(), column.references.as_ref()?)));
            let apart = create.constraints.iter().filter_map(|c| match &c.kind {
                ConstraintKind::ForeignKey { reference, .. } => Some((c.span.clone(), reference)),
                _ => None,
            });
            let acting = inline
                .chain(apart)
                .filter(|(_, reference)| reference.acts());
            acting.map(|(span, _)| told(&span, &create.name)).collect()
        }
        Operation::AlterTable(alter) => alter
            .actions
            .iter()
            .filter_map(|(action, span)| match action {
                Action::AddConstraint(Constraint {
                    kind: ConstraintKind::ForeignKey { reference, .. },
                    ..
                }) if reference.acts() => Some(told(span, &alter.name)),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}
