//! What is said of locks and rewrites, statement by statement, for those who compare it with a server.

use super::run::operations;
use crate::{
    catalog::Catalog,
    effects::{Rewrite, Role, taken, taken_by_heirs},
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
        catalog.begin(unit.engine.dialect());
        for (statement, operation) in operations(content).iter().enumerate() {
            if number + 1 == units.len() {
                let dialect = unit.engine.dialect();
                let mut taken = taken(dialect, operation, &catalog);
                taken.extend(taken_by_heirs(dialect, operation, &taken, &catalog));
                claims.extend(taken.into_iter().map(|taken| {
                    let own = catalog.table(&taken.table);
                    // A partitioned table has no rows, and no file, of its own.
                    let stored = !own.is_some_and(|table| table.partitioned);
                    let own = taken.role == Role::Target && stored;
                    Claim {
                        statement,
                        table: taken.table.to_string(),
                        effect: &taken.effect.id,
                        lock: taken.lock(),
                        rewrite: if own {
                            taken.effect.rewrite
                        } else {
                            Rewrite::None
                        },
                    }
                }));
            }
            catalog.apply(number, &content.script, operation);
        }
    }
    claims
}
