//! Statements that would take the run's own ground away: refused before anything is touched.

use super::{
    statement::{Script, Statement},
    words::{Words, items, mentions},
};
use crate::engine::Dialect;

/// A statement that Greylag won't run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Counted from 0.
    pub statement: usize,
    pub line: u32,
    /// What it does, as the rest of a sentence that begins with the statement.
    pub why: &'static str,
    pub hint: &'static str,
}

impl Script {
    /// What can't be run, each with its line.
    pub fn refusals(&self) -> &[Refusal] {
        self.refused.get_or(|| self.find_refusals())
    }

    fn find_refusals(&self) -> Vec<Refusal> {
        self.statements
            .iter()
            .enumerate()
            .filter_map(|(index, statement)| {
                let (why, hint) = self.refuses(statement)?;
                Some(Refusal {
                    statement: index,
                    line: statement.line,
                    why,
                    hint,
                })
            })
            .collect()
    }

    fn refuses(&self, statement: &Statement) -> Option<(&'static str, &'static str)> {
        let sql = self.sql(statement);
        let words = Words::of(self.dialect, sql);
        match self.dialect {
            Dialect::Postgres => postgres(&words, sql),
            Dialect::Mysql => mysql(&words, sql),
            Dialect::Sqlite => None,
        }
    }
}

fn postgres(words: &Words<'_>, sql: &str) -> Option<(&'static str, &'static str)> {
    if words.starts(&["DISCARD", "ALL"]) {
        return Some((
            "lets go of the lock that keeps a second rollout out",
            "Use RESET ALL, or DISCARD PLANS, SEQUENCES or TEMP; what a file leaves in its session ends with it anyway.",
        ));
    }
    if words.at(0, "COPY") && copies_out(sql) {
        return Some((
            "sends rows to the client, which has no use for them",
            "Take it out, or read the rows with a SELECT of your own.",
        ));
    }
    let asks = ["pg_advisory_unlock", "pg_advisory_unlock_all"];
    // In a body that is a string, the string is searched; elsewhere strings are only strings.
    let unlocks = match words.at(0, "DO") {
        true => asks.iter().any(|name| mentions(sql, name)),
        false => {
            sql.len() >= asks[0].len()
                && mentions_any(sql, &asks)
                && calls(Dialect::Postgres, sql, &asks)
        }
    };
    if unlocks {
        return Some((
            "may let go of the lock that keeps a second rollout out",
            "Use pg_advisory_xact_lock, which the end of the transaction lets go.",
        ));
    }
    if words.at(0, "DO") && resets_all(sql) {
        return Some((
            "takes away the limits and marks that Greylag has set for the file",
            "Put RESET ALL outside of the block, as a statement of the file; or reset the settings by name.",
        ));
    }
    takes_lock(words, sql).then_some((
        "keeps a lock past its transaction, which no later statement may let go",
        "Use pg_advisory_xact_lock, which the end of the transaction lets go.",
    ))
}

/// An advisory lock of the session.
fn takes_lock(words: &Words<'_>, sql: &str) -> bool {
    let asks = [
        "pg_advisory_lock",
        "pg_advisory_lock_shared",
        "pg_try_advisory_lock",
        "pg_try_advisory_lock_shared",
    ];
    mentions_any(sql, &asks) && (words.at(0, "DO") || calls(Dialect::Postgres, sql, &asks))
}

/// RESET ALL in a body that is a string; ALTER ROLE … RESET ALL changes no session.
fn resets_all(sql: &str) -> bool {
    sql.split(';').any(|statement| {
        let words = statement.split(|c: char| !c.is_alphanumeric() && c != '_');
        let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
        let named = |pair: &[&str]| {
            pair[0].eq_ignore_ascii_case("RESET") && pair[1].eq_ignore_ascii_case("ALL")
        };
        words.windows(2).any(named) && !words.iter().any(|word| word.eq_ignore_ascii_case("ALTER"))
    })
}

fn mysql(words: &Words<'_>, sql: &str) -> Option<(&'static str, &'static str)> {
    if words.at(0, "SET") && leaves_the_log(sql) {
        return Some((
            "keeps what follows out of the binary log, and so from every replica",
            "Take it out: replicas get a migration from their primary.",
        ));
    }
    if words.at(0, "LOCK") && words.at_any(1, &["TABLES", "TABLE"]) {
        return Some((
            "keeps Greylag from writing its progress on this connection",
            "Take LOCK TABLES and UNLOCK TABLES out: the shard's lock keeps other rollouts out, and DDL takes its own locks.",
        ));
    }
    if words.starts(&["FLUSH", "TABLES"]) && words.has("READ") {
        return Some((
            "keeps Greylag from writing its progress on this connection",
            "Take it out: the shard's lock keeps other rollouts out.",
        ));
    }
    if mentions(sql, "RELEASE_ALL_LOCKS") && calls(Dialect::Mysql, sql, &["RELEASE_ALL_LOCKS"]) {
        return Some((
            "lets go of the lock that keeps a second rollout out",
            "Use RELEASE_LOCK with the name of your own lock.",
        ));
    }
    None
}

/// Sets `sql_log_bin` to anything but 1, in whatever form.
fn leaves_the_log(sql: &str) -> bool {
    if !mentions(sql, "sql_log_bin") {
        return false;
    }
    let mut named = false;
    let mut items = items(Dialect::Mysql, sql);
    items.any(|item| {
        if item.value() == "sql_log_bin" || item.text.to_ascii_lowercase().ends_with("sql_log_bin")
        {
            named = true;
            return false;
        }
        if !named || item.is_symbol(b'=') || item.is_symbol(b':') {
            return false;
        }
        named = false;
        !matches!(item.value().as_str(), "1" | "on" | "true")
    })
}

fn mentions_any(sql: &str, names: &[&str]) -> bool {
    names.iter().any(|name| mentions(sql, name))
}

/// COPY … TO STDOUT, outside of parentheses.
fn copies_out(sql: &str) -> bool {
    let mut depth = 0usize;
    let mut to = false;
    for item in items(Dialect::Postgres, sql) {
        if item.is_symbol(b'(') {
            depth += 1;
        } else if item.is_symbol(b')') {
            depth = depth.saturating_sub(1);
        } else if depth == 0 && to && item.is("STDOUT") {
            return true;
        }
        to = depth == 0 && item.is("TO");
    }
    false
}

/// Whether one of these functions is called, in code rather than in a string or comment.
fn calls(dialect: Dialect, sql: &str, names: &[&str]) -> bool {
    let mut named = false;
    items(dialect, sql).any(|item| {
        let called = named && item.is_symbol(b'(');
        named = names.iter().any(|name| item.is(name));
        called
    })
}
