//! What is said of locks and rewrites, statement by statement, for those who compare it with a server.

use super::run::operations;
use crate::{
    catalog::Catalog,
    effects::{Rewrite, taken},
    unit::Unit,
};

/// What a statement is said to do to one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Of the last unit, counted from 0.
    pub statement: usize,
    /// As the statement names it, folded: `orders`, `sales.orders`.
    pub table: String,
    /// The operation of the table of effects.
    pub effect: &'static str,
    pub lock: Option<&'static str>,
    pub rewrite: Rewrite,
}

/// What the last of these files is said to do, the others having run before. For PostgreSQL: the others' effects are not by
/// table.
pub fn claims(units: &[Unit]) -> Vec<Claim> {
    let mut catalog = Catalog::default();
    let mut claims = Vec::new();
    for (number, unit) in units.iter().enumerate() {
        let Ok(content) = &unit.content else {
            continue;
        };
        for (statement, operation) in operations(content).iter().enumerate() {
            if number + 1 == units.len() {
                let taken = taken(unit.engine.dialect(), operation, &catalog);
                claims.extend(taken.into_iter().map(|taken| Claim {
                    statement,
                    table: taken.table.to_string(),
                    effect: &taken.effect.id,
                    lock: taken.lock(),
                    rewrite: taken.effect.rewrite,
                }));
            }
            catalog.apply(number, &content.script.text, operation);
        }
    }
    claims
}
