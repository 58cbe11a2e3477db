//! Whether a file runs as one transaction or statement by statement.
//!
//! A directive beats the file's `.conf`, which beats what is detected.

use super::{
    lexer::Kind,
    statement::{Script, Statement, Tx, TxControl},
    words::{Words, items},
};
use crate::{
    engine::{Ddl, Dialect, Facts},
    migration::Migration,
};

/// How a file runs on a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunMode {
    /// The whole file and its history row in one transaction.
    Transaction,
    /// Statement by statement, with an intent before and a step row after each; says why.
    Statements { why: String },
}

/// `-- greylag:transaction on`, and a statement that can't.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{script}:{line}: the file asks for a transaction, but {why}")]
pub struct ModeError {
    pub script: String,
    /// Counted from 0.
    pub statement: usize,
    pub line: u32,
    pub why: String,
}

impl ModeError {
    pub fn hint(&self) -> &'static str {
        "Remove `-- greylag:transaction on`, or move the statement into a file of its own."
    }
}

impl Script {
    /// How the file runs. `facts` are those of the shard's engine.
    pub fn run_mode(&self, migration: &Migration, facts: Facts) -> Result<RunMode, ModeError> {
        let breaks = self.first(|s| self.breaks(s));
        let apart = |why: &str| {
            Ok(RunMode::Statements {
                why: why.to_owned(),
            })
        };
        match (
            migration.directives.transaction,
            migration.config.execute_in_transaction,
        ) {
            (Some(true), _) => match breaks {
                None => Ok(RunMode::Transaction),
                Some((statement, why)) => Err(ModeError {
                    script: migration.script.clone(),
                    line: self.statements[statement].line,
                    statement,
                    why,
                }),
            },
            (Some(false), _) => apart("the file says `-- greylag:transaction off`"),
            (None, Some(false)) => apart("the file's `.conf` says `executeInTransaction=false`"),
            // It is what Flyway takes for granted, so it asks for nothing that can't be.
            (None, Some(true)) if breaks.is_none() => Ok(RunMode::Transaction),
            (None, _) => Ok(self.detect(facts)),
        }
    }

    fn detect(&self, facts: Facts) -> RunMode {
        let reason = self
            .first(|s| self.breaks(s).or_else(|| self.may_break(s, facts)))
            .or_else(|| self.uses_new_label());
        match reason {
            None => RunMode::Transaction,
            Some((statement, why)) => RunMode::Statements {
                why: format!("line {}: {why}", self.statements[statement].line),
            },
        }
    }

    fn first(&self, ask: impl Fn(&Statement) -> Option<String>) -> Option<(usize, String)> {
        let mut statements = self.statements.iter().enumerate();
        statements.find_map(|(index, statement)| Some((index, ask(statement)?)))
    }

    /// Why a statement can't share a transaction.
    fn breaks(&self, statement: &Statement) -> Option<String> {
        match statement.tx {
            Tx::Cannot(what) => Some(format!("{what} can't run inside a transaction")),
            Tx::Commits(why) => Some(why.to_owned()),
            Tx::Control(TxControl::Begin | TxControl::Commit | TxControl::Rollback) => {
                Some("the file has its own BEGIN, COMMIT or ROLLBACK".to_owned())
            }
            _ => None,
        }
    }

    /// Where DDL is transactional, a procedure that commits inside a transaction is refused by the server and nothing is
    /// left behind, so a bare CALL keeps the transaction. Elsewhere a commit inside goes unnoticed.
    fn may_break(&self, statement: &Statement, facts: Facts) -> Option<String> {
        let Tx::MayCommit(why) = statement.tx else {
            return None;
        };
        let call = Words::of(self.dialect, self.sql(statement)).at(0, "CALL");
        let safe = call && facts.ddl == Ddl::Transactional;
        (!safe).then(|| why.to_owned())
    }

    /// PostgreSQL takes ALTER TYPE … ADD VALUE inside a transaction, but not the new value before the commit.
    fn uses_new_label(&self) -> Option<(usize, String)> {
        if self.dialect != Dialect::Postgres {
            return None;
        }
        let added = self
            .statements
            .iter()
            .enumerate()
            .filter_map(|(index, statement)| Some((index, added_label(self.sql(statement))?)));
        for (index, label) in added {
            let mut later = self.statements[index + 1..].iter();
            let used = |s: &Statement| {
                let sql = self.sql(s);
                sql.contains(label) && added_label(sql).is_none()
            };
            if later.any(used) {
                let why =
                    format!("the value {label} is added to a type, and used in the same file");
                return Some((index, why));
            }
        }
        None
    }
}

/// The quoted label of ALTER TYPE … ADD VALUE [IF NOT EXISTS] 'label'.
fn added_label(sql: &str) -> Option<&str> {
    let words = Words::of(Dialect::Postgres, sql);
    if !words.starts(&["ALTER", "TYPE"]) || !words.has("ADD") {
        return None;
    }
    let mut rest = items(Dialect::Postgres, sql).skip_while(|item| !item.is("VALUE"));
    rest.find(|item| item.kind == Kind::String)
        .map(|item| item.text)
}
