//! SQL that a project runs on each working connection, cut into the statements that a server counts.
//!
//! It runs between a file and the next one, and may run inside a transaction that is not its own.

use super::{
    split::split,
    statement::{Script, Statement, Tx, TxControl},
    words::Words,
};
use crate::engine::Dialect;

/// Why an entry of session SQL can't be run on each working connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session SQL `{statement}` {why}")]
pub struct SessionFault {
    /// The statement, or the whole entry where it can't be cut.
    pub statement: String,
    pub why: String,
    pub hint: String,
}

/// The statements of all entries, in order, without what says nothing.
pub fn session_statements(
    dialect: Dialect,
    entries: &[String],
) -> Result<Vec<String>, SessionFault> {
    let mut statements = Vec::with_capacity(entries.len());
    for entry in entries {
        let script = split(dialect, entry.as_str()).map_err(|error| SessionFault {
            statement: entry.trim().to_owned(),
            why: format!("can't be cut into statements: {}", error.fault),
            hint: error.hint(),
        })?;
        if let Some(fault) = script.session_fault() {
            return Err(fault);
        }
        let cut = script
            .statements
            .iter()
            .map(|cut| script.sql(cut).to_owned());
        statements.extend(cut);
    }
    Ok(statements)
}

impl Script {
    fn session_fault(&self) -> Option<SessionFault> {
        let refused = |statement: &Statement, why: &str, hint: &str| SessionFault {
            statement: self.sql(statement).to_owned(),
            why: why.to_owned(),
            hint: hint.to_owned(),
        };
        if let Some(refusal) = self.refusals().first() {
            let statement = &self.statements[refusal.statement];
            return Some(refused(statement, refusal.why, refusal.hint));
        }
        self.statements.iter().find_map(|statement| {
            if statement.copy_data.is_some() {
                return Some(refused(
                    statement,
                    "carries rows",
                    "Put them into a migration.",
                ));
            }
            match statement.tx {
                Tx::Control(TxControl::Begin | TxControl::Commit | TxControl::Rollback)
                    if !Words::of(self.dialect, self.sql(statement)).at(0, "SET") =>
                {
                    Some(refused(
                        statement,
                        "begins or ends a transaction, which may be a migration's",
                        "Take it out: session SQL is settings, each for the whole session.",
                    ))
                }
                Tx::Cannot(_) if self.dialect == Dialect::Postgres => Some(refused(
                    statement,
                    "can't run inside a transaction, as session SQL does",
                    "Put it into a migration.",
                )),
                _ => None,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(dialect: Dialect, entries: &[&str]) -> Result<Vec<String>, SessionFault> {
        let entries: Vec<String> = entries.iter().map(|sql| (*sql).to_owned()).collect();
        session_statements(dialect, &entries)
    }

    #[test]
    fn each_piece_is_one_statement_and_says_something() {
        let entries = [
            "SET TIME ZONE 'UTC'; SET a.b = 'x;y' -- and so on",
            "",
            "-- nothing\n;;",
            " SET ROLE owner; ",
        ];
        let cut = cut(Dialect::Postgres, &entries).unwrap();
        assert_eq!(
            cut,
            ["SET TIME ZONE 'UTC'", "SET a.b = 'x;y'", "SET ROLE owner"]
        );
    }

    #[test]
    fn what_would_end_a_migrations_transaction_is_refused_with_its_statement() {
        for (dialect, sql) in [
            (Dialect::Postgres, "COMMIT"),
            (Dialect::Postgres, "DISCARD ALL"),
            (Dialect::Postgres, "VACUUM"),
            (Dialect::Mysql, "START TRANSACTION"),
            (Dialect::Mysql, "SELECT RELEASE_ALL_LOCKS()"),
            (Dialect::Sqlite, "BEGIN"),
        ] {
            let entry = format!("SELECT 1; {sql}");
            let fault = cut(dialect, &[&entry]).unwrap_err();
            assert_eq!(fault.statement, sql);
            assert!(fault.to_string().contains("session SQL"), "{fault}");
        }
        assert!(cut(Dialect::Postgres, &["SET a = 'b"]).is_err());
    }

    #[test]
    fn settings_of_each_engine_are_taken() {
        for (dialect, sql) in [
            (Dialect::Mysql, "SET autocommit = 1"),
            (Dialect::Mysql, "SET SESSION sql_mode = 'ANSI', @a = 1"),
            (Dialect::Sqlite, "PRAGMA synchronous = NORMAL"),
            (Dialect::Postgres, "SELECT set_config('a.b', 'c', false)"),
        ] {
            assert_eq!(cut(dialect, &[sql]).unwrap(), [sql]);
        }
    }
}
