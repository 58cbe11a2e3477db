//! The verb of a statement, where the walk over a file needs to know it.

use super::tokens::{Token, tokens};

/// Statements that the walk over a file treats by their verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    LockTables,
    UnlockTables,
    /// CALL, EXECUTE: may commit inside.
    Call,
    CreateTemporary,
    /// LOAD DATA LOCAL: asks the client for a file.
    LoadLocal,
    /// A stored program, whose text the server keeps.
    CreateProgram,
    Other,
}

/// The verb of a statement.
pub fn verb(sql: &str) -> Verb {
    let tokens = tokens(sql, 40);
    let word = |at: usize| tokens.get(at).map(Token::upper).unwrap_or_default();
    match word(0).as_str() {
        "LOCK" if matches!(word(1).as_str(), "TABLE" | "TABLES") => Verb::LockTables,
        "UNLOCK" if matches!(word(1).as_str(), "TABLE" | "TABLES") => Verb::UnlockTables,
        "CALL" | "EXECUTE" => Verb::Call,
        "LOAD" if tokens.iter().take(5).any(|t| t.is("LOCAL")) => Verb::LoadLocal,
        "CREATE" => {
            let before_name = |w: &str| tokens.iter().take(30).position(|t| t.is(w));
            let programs = [
                "TRIGGER",
                "PROCEDURE",
                "FUNCTION",
                "EVENT",
                "PACKAGE",
                "VIEW",
            ];
            let table = before_name("TABLE").unwrap_or(usize::MAX);
            if before_name("TEMPORARY").is_some_and(|at| at < table) && table < 5 {
                Verb::CreateTemporary
            } else if programs
                .iter()
                .any(|w| before_name(w).is_some_and(|at| at < table))
            {
                Verb::CreateProgram
            } else {
                Verb::Other
            }
        }
        _ => Verb::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_are_told_apart() {
        assert_eq!(verb("lock tables t write"), Verb::LockTables);
        assert_eq!(verb("CALL p()"), Verb::Call);
        assert_eq!(
            verb("LOAD DATA LOW_PRIORITY LOCAL INFILE 'x' INTO TABLE t"),
            Verb::LoadLocal
        );
        assert_eq!(
            verb("CREATE TEMPORARY TABLE t (a int)"),
            Verb::CreateTemporary
        );
        assert_eq!(
            verb("CREATE DEFINER=`a`@`b` TRIGGER x BEFORE INSERT ON t FOR EACH ROW SET @a=1"),
            Verb::CreateProgram
        );
        assert_eq!(
            verb("CREATE TABLE t (view int, temporary int)"),
            Verb::Other
        );
    }
}
