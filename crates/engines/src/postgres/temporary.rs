//! Temporary tables that a file makes: they die with their session, and a run in another one can't go on behind them.
//!
//! Reads the first words of a statement; no grammar.

use super::names::{Reader, tokens};

/// The name of the temporary table that a statement makes, as the catalog has it.
pub fn made(sql: &str) -> Option<String> {
    let tokens = tokens(sql, 400);
    let mut reader = Reader(&tokens);
    if reader.eat(&["CREATE"]) {
        if reader.eat(&["OR"]) {
            reader.eat(&["REPLACE"]);
        }
        let _ = reader.eat(&["GLOBAL"]) || reader.eat(&["LOCAL"]);
        if !(reader.eat(&["TEMP"]) || reader.eat(&["TEMPORARY"])) {
            return None;
        }
        reader.eat(&["RECURSIVE"]);
        let _ = reader.eat(&["TABLE"]) || reader.eat(&["VIEW"]) || reader.eat(&["SEQUENCE"]);
        reader.eat(&["IF", "NOT", "EXISTS"]);
        return reader.name().map(|name| bare(&name));
    }
    if !(reader.eat(&["SELECT"]) || reader.eat(&["WITH"])) {
        return None;
    }
    let into = tokens
        .windows(2)
        .position(|pair| pair[0].eq_ignore_ascii_case("into") && is_temporary(pair[1]))?;
    let mut reader = Reader(&tokens[into + 2..]);
    reader.eat(&["TABLE"]);
    reader.name().map(|name| bare(&name))
}

/// Whether a statement has the name in it.
pub fn names(sql: &str, name: &str) -> bool {
    tokens(sql, usize::MAX)
        .iter()
        .any(|token| bare(token) == name || (token.starts_with('\'') && token.contains(name)))
}

fn is_temporary(word: &str) -> bool {
    word.eq_ignore_ascii_case("temp") || word.eq_ignore_ascii_case("temporary")
}

/// The last part of a name, folded as the server folds it.
fn bare(name: &str) -> String {
    let last = name.rsplit('.').next().unwrap_or(name);
    match last.strip_prefix('"') {
        Some(quoted) => quoted.trim_end_matches('"').replace("\"\"", "\""),
        None => last.to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_a_temporary_table_is_known_with_its_name() {
        for (sql, name) in [
            ("CREATE TEMP TABLE Totals (id int)", Some("totals")),
            (
                "create temporary table if not exists \"My T\" as select 1",
                Some("My T"),
            ),
            ("CREATE LOCAL TEMP TABLE pg_temp.t (id int)", Some("t")),
            ("SELECT id INTO TEMP t FROM a", Some("t")),
            (
                "WITH x AS (SELECT 1) SELECT * INTO TEMPORARY TABLE t FROM x",
                Some("t"),
            ),
            ("CREATE TEMP SEQUENCE s", Some("s")),
            ("CREATE TABLE temp (id int)", None),
            ("INSERT INTO temp VALUES (1)", None),
        ] {
            assert_eq!(made(sql).as_deref(), name, "{sql}");
        }
    }

    #[test]
    fn a_statement_that_needs_it_has_its_name() {
        assert!(names("INSERT INTO a SELECT * FROM Totals", "totals"));
        assert!(names("SELECT count(*) FROM pg_temp.totals", "totals"));
        assert!(!names("SELECT totals_of(1) -- totals", "totals"));
    }
}
