//! The labels of an enum stand in another order on some shards.

use crate::operation::{Action, Alter, Bytes, Change, DataType, Kind, Operation};
use crate::{
    finding::{Decided, Severity},
    judge::{Draft, Scene},
    rule::{Group, Look, Rule, SERVERS},
};

pub(super) static ENUM_ORDER: Rule = Rule {
    id: "enum-order",
    group: Group::Shards,
    severity: Some(Severity::Warning),
    dialects: SERVERS,
    title: "the labels of an enum stand in another order on some shards",
    about: "An enum is sorted and compared by the order of its labels. MySQL and MariaDB store a label's number: a label that comes in between, goes from \
            the middle or changes places gives those behind it other numbers, so that the table is copied, and what goes by the number \
            (`status + 0`, a dump, a reader of the binary log) sees others. On PostgreSQL `ADD VALUE IF NOT EXISTS` leaves a label where it \
            is on a shard that has it already. While a rollout runs, and on a shard that got its labels in another order for good, the same ORDER BY comes out \
            otherwise. It speaks where there are shards.",
    bad: include_str!("enum_order/bad.sql"),
    good: include_str!("enum_order/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let decided = match scene.fleet {
        _ if scene.settings.knows_shards() => Decided::Config,
        Some(fleet) if fleet.shards > 1 => Decided::Fleet,
        _ => return Vec::new(),
    };
    let told = |span: Bytes, title: String, why: &str| {
        Draft::new(span, title)
            .decided(decided)
            .why(why)
            .shards("A query over several shards merges what is sorted in two ways.")
    };
    if let Operation::Alter(Alter {
        kind: Kind::Type,
        name: Some(name),
        change:
            Change::AddLabel {
                label,
                if_not_exists: true,
                ..
            },
        ..
    }) = scene.operation
    {
        if scene.is_made_here(name) {
            return Vec::new();
        }
        let title = format!("{label} stays where it is on a shard whose {name} has it already");
        return told(scene.whole(), title, "IF NOT EXISTS asks whether the label is there, not where: its place among the others decides how rows are sorted.")
            .severity(Severity::Note)
            .instead("Leave IF NOT EXISTS out: Greylag knows which shards have the migration, and one that has the label already is told.")
            .alone();
    }
    let drafts = scene.actions().filter_map(|(table, action, span)| {
        let Action::ModifyColumn { from, column, .. } = action else {
            return None;
        };
        let known = scene.known(table)?.column(from)?;
        let (had, gets) = (labels(&known.data_type)?, labels(&column.data_type)?);
        let moved = had.iter().zip(&gets).find(|(old, new)| old != new)?.0;
        let title = format!("{table}.{from}: '{moved}' and the labels behind it get other numbers");
        Some(
            told(span.clone(), title, "Rows are sorted and compared by these numbers, and hold them: the table is copied, and shards differ until the last one has it.")
                .instead("Add new labels at the end, and sort by a column of its own."),
        )
    });
    drafts.collect()
}

/// Those of MySQL's ENUM and SET.
fn labels(data_type: &DataType) -> Option<Vec<&str>> {
    let listed = matches!(&*data_type.name, "enum" | "set");
    let labels = data_type.arguments.iter();
    let labels = labels.map(|label| label.trim().trim_matches(['\'', '"']));
    listed.then(|| labels.collect())
}
