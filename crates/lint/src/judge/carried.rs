//! How MySQL and MariaDB carried a change out, against what its clauses were said to cost.

use super::Scene;
use crate::{
    effects::Algorithm,
    operation::{Action, Operation},
    rules::online,
};
use greylag_core::trace::Measured;

/// What the server did that is heavier than what was said: `orders copied while writes wait`.
pub(super) fn heavier(scene: &Scene<'_>, measured: &Measured) -> Option<String> {
    let table = match scene.operation {
        // Work on partitions, and another name, give tables other numbers without writing them.
        Operation::AlterTable(alter) if alter.actions.iter().any(|(a, _)| renumbers(a)) => None,
        Operation::AlterTable(alter) => Some(&alter.name),
        Operation::CreateIndex(create) => Some(&create.table),
        Operation::DropIndex(drop) => drop.table.as_ref(),
        Operation::Maintain(maintain) => maintain.tables.first(),
        _ => None,
    };
    let table = table.filter(|table| !scene.is_new(table))?;
    if online::is_handed_over(scene) {
        return None;
    }
    let said = online::cost(scene).map(|cost| cost.algorithm);
    if measured.algorithm.as_deref() == Some("COPY") {
        return (said < Some(Algorithm::Copy)).then(|| format!("{table} copied while writes wait"));
    }
    let old = measured
        .rewritten
        .iter()
        .any(|one| !one.new && one.index_of.is_none());
    (old && said < Some(Algorithm::InplaceRebuild)).then(|| format!("{table} written anew"))
}

fn renumbers(action: &Action) -> bool {
    matches!(
        action,
        Action::Partition { .. } | Action::RenameTo(_) | Action::RenameOther { .. }
    )
}
