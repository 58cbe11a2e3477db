//! What a file may leave in the session or the transaction that carries it.

use super::{
    statement::{Script, Statement, Tx},
    words::{items, mentions},
};
use crate::engine::Dialect;

impl Script {
    /// Whether something of it may outlive it in its session, as far as its text says: settings, temporary tables, attached files.
    pub fn leaves_traces(&self) -> bool {
        let mut statements = self.statements.iter();
        statements.any(|statement| statement.sets_session() || self.is_temporary(statement))
    }

    /// Whether a file behind it in the same transaction could find something of it that is not its work.
    pub fn marks_its_transaction(&self) -> bool {
        if self.dialect == Dialect::Mysql {
            // LAST_INSERT_ID() and the variables that triggers set: nothing takes them back in the middle of a transaction.
            return true;
        }
        // PostgreSQL takes its settings back there, too.
        let settings =
            |statement: &Statement| self.dialect != Dialect::Postgres && statement.sets_session();
        self.statements.iter().any(|statement| {
            // What it says of its transaction, savepoints included, would hold for its neighbours as well.
            matches!(statement.tx, Tx::Ineffective(_) | Tx::Control(_))
                || settings(statement)
                || self.is_temporary(statement)
                || self.defers(statement)
        })
    }

    /// Names something temporary, wherever: `CREATE TEMP TABLE`, `SELECT … INTO TEMP`, `temp.t`, `pg_temp.t`.
    fn is_temporary(&self, statement: &Statement) -> bool {
        const WORDS: [&str; 3] = ["temp", "temporary", "pg_temp"];
        let sql = self.sql(statement);
        WORDS.iter().any(|word| mentions(sql, word))
            && items(self.dialect, sql).any(|item| WORDS.contains(&item.value().as_str()))
    }

    /// `SET CONSTRAINTS` holds to the end of a transaction.
    fn defers(&self, statement: &Statement) -> bool {
        let mut words = items(self.dialect, self.sql(statement));
        words.next().is_some_and(|item| item.is("SET"))
            && words.next().is_some_and(|item| item.is("CONSTRAINTS"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::split;
    use crate::engine::Dialect;

    #[test]
    fn what_is_temporary_is_seen_however_it_is_written() {
        for sql in [
            "CREATE TEMP TABLE t (id int)",
            "create  /* a */ temporary table t (id int)",
            "CREATE TABLE temp.t (id int)",
            "CREATE TABLE \"temp\".t (id int)",
        ] {
            for dialect in [Dialect::Postgres, Dialect::Sqlite] {
                let script = split(dialect, sql).unwrap();
                assert!(
                    script.leaves_traces() && script.marks_its_transaction(),
                    "{sql}"
                );
            }
        }
        let plain = split(
            Dialect::Sqlite,
            "CREATE TABLE temps (temp_id int, b text DEFAULT 'a temp')",
        );
        assert!(!plain.unwrap().leaves_traces());
    }

    #[test]
    fn settings_and_savepoints_keep_a_file_out_of_a_shared_transaction() {
        for (dialect, sql, marks) in [
            (Dialect::Sqlite, "PRAGMA cache_size = 7", true),
            (Dialect::Sqlite, "ATTACH 'b.db' AS b", true),
            (Dialect::Sqlite, "SAVEPOINT a; SELECT 1", true),
            (Dialect::Mysql, "SET @a = 1", true),
            (Dialect::Postgres, "SET CONSTRAINTS ALL DEFERRED", true),
            (Dialect::Postgres, "SET search_path = a", false),
            (Dialect::Postgres, "CREATE TABLE a (id int)", false),
        ] {
            let script = split(dialect, sql).unwrap();
            assert_eq!(script.marks_its_transaction(), marks, "{sql}");
        }
    }
}
