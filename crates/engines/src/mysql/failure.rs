//! The server's errors, by what a person would do about them, and where in the file they point.
//!
//! Knows error numbers of both servers; talks to none.

use greylag_core::outcome::{Failure, FailureClass, Left, Place};
use mysql_async::ServerError;

use crate::job::Job;

/// What an error number means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    pub class: FailureClass,
    pub hint: Option<String>,
}

/// Class and hint of an error.
pub fn explain(error: &ServerError) -> Known {
    use FailureClass::*;
    let (class, hint) = match error.code {
        1205 | 3572 => (
            Lock,
            "another session holds a lock on it; the attempt is repeated until `lock.deadline`",
        ),
        1213 | 3058 | 1614 => (
            Lock,
            "the server chose this transaction to end a deadlock; it is tried again",
        ),
        1223 => (
            Lock,
            "this session or another one holds a global read lock (FLUSH TABLES WITH READ LOCK)",
        ),
        1317 | 1028 => (Cancelled, "somebody ended the statement (KILL QUERY)"),
        1969 | 3024 => (
            Cancelled,
            "the statement ran into the server's own time limit",
        ),
        1062 | 1586 => (
            Data,
            "rows that are there already repeat a value: look for them with GROUP BY … HAVING count(*) > 1",
        ),
        1452 | 1216 => (
            Data,
            "rows point at parents that don't exist: mend or remove them first",
        ),
        1451 | 1217 => (Data, "rows of another table point at these"),
        1048 | 1138 | 1263 => (Data, "a column that may not be NULL got NULL"),
        1264 | 1265 | 1292 | 1366 | 1406 | 1411 | 1365 | 1367 | 1690 | 4025 | 3819 | 1364
        | 3140 => (Data, ""),
        1064 | 1149 | 1305 | 1582 | 1327 | 1193 | 1231 | 1232 => (Syntax, ""),
        1146 | 1054 | 1049 | 1072 | 1109 | 1091 | 1176 | 1360 | 1539 => (
            Conflict,
            "what the statement names is not there: this shard may differ from the others: compare their schemas",
        ),
        1050 | 1060 | 1061 | 1022 | 1304 | 1359 | 1537 | 1007 | 1826 | 3822 => (
            Conflict,
            "the shard already has it, perhaps by hand: compare it with the migration; then drop it there, or change the file behind what is done",
        ),
        1044 | 1045 | 1142 | 1143 | 1227 | 1370 | 1410 | 1419 | 1095 | 1680 | 1698 => (
            Permission,
            "`greylag doctor` prints the GRANTs that are missing",
        ),
        1290 | 1836 | 3989 => (
            Refused,
            "the server or the schema is read-only: is this still the primary?",
        ),
        1792 => (
            Refused,
            "the transaction is read only: `SET transaction_read_only` or START TRANSACTION READ ONLY in the file or the session SQL",
        ),
        1568 => (
            Syntax,
            "SET TRANSACTION can't follow statements of the same transaction: put it first in the file, with `-- greylag:transaction off`",
        ),
        1399 | 1400 => (
            Syntax,
            "XA transactions outlive their session: a migration can't hold one",
        ),
        1100 | 1192 => (
            Syntax,
            "the file holds LOCK TABLES and uses a table it did not lock",
        ),
        1785..=1787 => (
            Syntax,
            "GTIDs forbid this statement here: give it a file of its own, with `-- greylag:transaction off`",
        ),
        1196 => (
            Data,
            "a table without transactions (MyISAM, Aria) was written: what was written there stays",
        ),
        1114 | 1021 | 1030 | 3 | 28 => (Other, "the server has no room left"),
        1845 | 1846 => (
            Syntax,
            "the server can't do it with the ALGORITHM or LOCK that the statement asks for",
        ),
        1153 => (
            Other,
            "raise max_allowed_packet on the server, or cut the statement into several",
        ),
        1118 | 1071 | 1070 | 1117 | 1170 | 1171 => (Syntax, ""),
        1040 | 1203 | 1226 => (Connection, "the server takes no more connections"),
        _ => (Other, ""),
    };
    Known {
        class,
        hint: (!hint.is_empty()).then(|| hint.to_owned()),
    }
}

/// The failure of a statement of a file.
pub fn of_statement(job: &Job, index: usize, error: &ServerError, left: Left) -> Failure {
    let known = explain(error);
    Failure {
        class: known.class,
        code: Some(error.code.to_string()),
        message: error.message.clone(),
        migration: Some(job.migration.clone()),
        place: place(job, index, Some(&error.message)),
        hint: known.hint,
        left,
        blockers: Vec::new(),
    }
}

/// A failure of our own making, about a statement or the whole file.
pub fn of_ours(job: &Job, class: FailureClass, message: String, left: Left) -> Failure {
    Failure {
        class,
        code: None,
        message,
        migration: Some(job.migration.clone()),
        place: None,
        hint: None,
        left,
        blockers: Vec::new(),
    }
}

/// Where a statement is in its file; finer where the server's message says `near '…' at line N`.
pub fn place(job: &Job, index: usize, message: Option<&str>) -> Option<Place> {
    let statement = job.script.statements.get(index)?;
    let sql = job.script.sql(statement);
    let offset = message.and_then(|m| offset_of(sql, m)).unwrap_or_default();
    let character = sql[..offset].chars().count();
    job.script.place_at(&job.script_name, index, character)
}

/// The byte within the statement that `near 'TEXT' at line N` points at.
fn offset_of(sql: &str, message: &str) -> Option<usize> {
    let at = message.rfind(" at line ")?;
    let number: String = message[at + 9..]
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    let line: usize = number.parse().ok()?;
    let start = sql
        .split_inclusive('\n')
        .take(line.checked_sub(1)?)
        .map(str::len)
        .sum::<usize>();
    if start > sql.len() {
        return None;
    }
    let near = message[..at]
        .find("near '")
        .map(|from| message[from + 6..at].trim_end_matches('\''))
        .unwrap_or_default();
    // Where nothing is near, the statement ended too early.
    if near.is_empty() {
        return sql.trim_end().char_indices().next_back().map(|(at, _)| at);
    }
    let near = near.lines().next().unwrap_or(near).trim_end_matches('\r');
    let found = sql[start..].find(near).map(|found| start + found);
    Some(found.unwrap_or(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_s_line_is_found_in_the_statement() {
        let sql = "CREATE TABLE t (\n  a int,\n  b itn\n)";
        let message = "You have an error in your SQL syntax; check the manual for the right syntax to use near 'itn\n)' at line 3";
        assert_eq!(offset_of(sql, message), sql.find("itn"));
    }

    #[test]
    fn an_early_end_points_at_the_last_character() {
        assert_eq!(
            offset_of("SELECT 1 +", "… to use near '' at line 1"),
            Some(9)
        );
    }

    #[test]
    fn a_message_without_a_line_points_nowhere() {
        assert_eq!(offset_of("SELECT 1", "Unknown column 'a'"), None);
    }
}
