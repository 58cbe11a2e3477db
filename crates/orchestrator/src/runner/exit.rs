//! Why a tool ended, for the person who has to mend it.

use super::process::Pipe;
use greylag_core::{
    online::{GH_OST, PT_OSC},
    outcome::FailureClass,
};
use greylag_engines::ToolEnd;
use std::{collections::VecDeque, process::ExitStatus};

/// How many of the last lines of each output are looked at.
const LAST_LINES: usize = 12;

/// What it said last by each of its outputs: where one is long, it pushes nothing of the other out.
#[derive(Default)]
pub struct LastLines {
    out: VecDeque<String>,
    err: VecDeque<String>,
}

impl LastLines {
    pub fn hear(&mut self, pipe: Pipe, line: String) {
        let lines = match pipe {
            Pipe::Out => &mut self.out,
            Pipe::Err => &mut self.err,
        };
        if lines.len() == LAST_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// Errors last, where a program says them.
    pub fn all(self) -> VecDeque<String> {
        self.out.into_iter().chain(self.err).collect()
    }
}

/// What an exit status and the last lines come to.
pub fn explain(tool: &str, status: ExitStatus, said: &VecDeque<String>) -> ToolEnd {
    if status.success() {
        return ToolEnd::Done;
    }
    let meaning = match (tool, status.code()) {
        (PT_OSC, Some(code)) => pt_osc(code),
        _ => None,
    };
    let how = match (status.code(), meaning) {
        (Some(code), Some(meaning)) => format!("it ended with {code} ({meaning})"),
        (Some(126), None) => "it can't be run (126)".to_owned(),
        (Some(127), None) => "the program is not there (127)".to_owned(),
        (Some(code), None) => format!("it ended with {code}"),
        (None, _) => format!("it ended by itself: {status}"),
    };
    let fatal = (tool == GH_OST).then(|| fatal(said)).flatten();
    let words = fatal.unwrap_or_else(|| telling(said));
    ToolEnd::Failed {
        class: class_of(&words),
        hint: hint_of(tool, status.code(), &words),
        why: match words.is_empty() {
            true => format!("{how} and said nothing"),
            false => format!("{how}: {words}"),
        },
    }
}

/// The program could not be started.
pub fn not_started(program: &str, error: &std::io::Error) -> ToolEnd {
    ToolEnd::Failed {
        class: FailureClass::Refused,
        why: format!("`{program}` can't be started: {error}"),
        hint: Some("Install it on the machine that greylag runs on, or name it with `program` under [online.tool.NAME].".into()),
    }
}

/// gh-ost's last word, without its clock and levels.
fn fatal(said: &VecDeque<String>) -> Option<String> {
    let (_, words) = said
        .iter()
        .rev()
        .find_map(|line| line.split_once(" FATAL "))?;
    let words = words
        .split_once(" ERROR ")
        .map_or(words, |(_, words)| words);
    Some(words.to_owned())
}

/// Whether a line says that rows come into the new table other than they are. Percona's tool says it once, and goes on.
pub fn spoils(line: &str) -> bool {
    line.contains("Copying rows caused a MySQL error")
}

/// It was ended for what it said.
pub fn spoilt(line: &str) -> ToolEnd {
    ToolEnd::Failed {
        class: FailureClass::Data,
        why: format!("values don't fit the table as it is to be, and would be cut: {line}"),
        hint: Some(
            "Find the rows and mend them first; or have the server copy the table (`-- greylag:allow copies-table because REASON`, writes wait), which refuses what does not fit."
                .into(),
        ),
    }
}

/// The lines that say why: those that look like it, else the last ones.
fn telling(said: &VecDeque<String>) -> String {
    const WORDS: [&str; 10] = [
        "error",
        "denied",
        "cannot",
        "can't",
        "fatal",
        "failed",
        "exiting",
        "must",
        "not found",
        "doesn't work",
    ];
    let looks = |line: &&String| {
        let line = line.to_lowercase();
        WORDS.iter().any(|word| line.contains(word))
    };
    let telling: Vec<&str> = said.iter().filter(looks).map(String::as_str).collect();
    match telling.is_empty() {
        false => telling.join(" / "),
        true => {
            let last: Vec<&str> = said.iter().rev().take(3).map(String::as_str).collect();
            last.into_iter().rev().collect::<Vec<_>>().join(" / ")
        }
    }
}

fn class_of(words: &str) -> FailureClass {
    let words = words.to_lowercase();
    if words.contains("denied") || words.contains("privilege") {
        return FailureClass::Permission;
    }
    if words.contains("duplicate") || words.contains("truncated") {
        return FailureClass::Data;
    }
    FailureClass::Other
}

fn hint_of(tool: &str, code: Option<i32>, words: &str) -> Option<String> {
    if words.contains("SUPER privilege and binary logging") {
        return Some("The tool makes triggers: SET GLOBAL log_bin_trust_function_creators = 1 on the primary, or give the account the privilege.".into());
    }
    if words.contains("drop_swap doesn't work") {
        return Some("Choose `arguments = [\"--alter-foreign-keys-method=rebuild_constraints\"]` under [online.tool.pt-online-schema-change] instead, then `greylag rollout retry`.".into());
    }
    if words.contains("alter-foreign-keys-method") {
        return Some("Other tables refer to this one: choose with `arguments = [\"--alter-foreign-keys-method=rebuild_constraints\"]` under [online.tool.pt-online-schema-change].".into());
    }
    if tool == GH_OST
        && let Some((_, hint)) = GH_OST_HINTS.iter().find(|(word, _)| words.contains(word))
    {
        return Some((*hint).to_owned());
    }
    match code {
        Some(126 | 127) => Some("Install it on the machine that greylag runs on, or name it with `program` under [online.tool.NAME].".into()),
        Some(4) if tool == PT_OSC => Some("The tool copies by a primary key, or a unique index without NULL: give the table one first.".into()),
        _ => Some("Nothing of it is left on the shard; mend what it says, then `greylag rollout retry`.".into()),
    }
}

/// What gh-ost says, and what mends it.
const GH_OST_HINTS: [(&str, &str); 9] = [
    (
        "insufficient privileges",
        "It asks for all privileges on the very schema (a pattern in the grant does not do), and GRANT REPLICATION CLIENT, REPLICATION SLAVE ON *.*, to the shard's account.",
    ),
    (
        "foreign key",
        "It changes no table with foreign keys, on either side: ask for pt-online-schema-change, with --alter-foreign-keys-method.",
    ),
    (
        "ROW binlog format",
        "It follows writes in the binary log: SET GLOBAL binlog_format = ROW on the primary and let clients connect anew, or ask for pt-online-schema-change.",
    ),
    (
        "binlog_row_image",
        "It follows writes in the binary log: SET GLOBAL binlog_row_image = FULL on the primary and let clients connect anew, or ask for pt-online-schema-change.",
    ),
    (
        "binary logs enabled",
        "It follows writes in the binary log, which this server does not write: start it with log_bin, or ask for pt-online-schema-change.",
    ),
    (
        "metadata lock instrument",
        "On the primary: UPDATE performance_schema.setup_instruments SET ENABLED = 'YES', TIMED = 'YES' WHERE NAME = 'wait/lock/metadata/sql/mdl' (performance_schema must be on).",
    ),
    (
        "setup_instruments",
        "It looks whether metadata locks are shown: GRANT SELECT ON performance_schema.* to the shard's account.",
    ),
    (
        "unique key",
        "It copies by a primary key, or a unique index without NULL, which the table must have before and after: ask for another way, or change the key apart.",
    ),
    (
        "--approve-renamed-columns",
        "Add it to `arguments` under [online.tool.gh-ost] once you have seen what it makes of the renaming, or rename in a statement of its own, which is metadata alone.",
    ),
];

/// The tool's own exit codes.
fn pt_osc(code: i32) -> Option<&'static str> {
    Some(match code {
        1 => "parameters it does not take, or an interrupt",
        2 => "a server version that it does not support",
        3 => "the server lacks what it needs",
        4 => "no primary key and no unique index to copy by",
        5 => "its plugin can't be read",
        6 => "a method for foreign keys that can't be used here",
        7..=9 => "a key that it can't walk safely",
        10 => "the new table can't be made",
        11 => "the new table can't be altered",
        12 => "the triggers can't be made",
        13 => "triggers can't be restored",
        14 => "the tables can't change places",
        15 => "foreign keys can't be updated",
        16 => "the old table can't be dropped",
        17 => "something that it does not support",
        18 => "no connection",
        19 => "the connection was lost",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn a_failure_is_told_in_the_tool_s_words_and_in_ours() {
        let said: VecDeque<String> = [
            "Creating new table...",
            "Error altering new table: DBD::mysql::db do failed: Unknown column 'nope'",
        ]
        .map(str::to_owned)
        .into();
        let end = explain(PT_OSC, ExitStatus::from_raw(11 << 8), &said);
        let ToolEnd::Failed { why, hint, .. } = end else {
            panic!("{end:?}");
        };
        assert_eq!(
            why,
            "it ended with 11 (the new table can't be altered): Error altering new table: DBD::mysql::db do failed: Unknown column 'nope'"
        );
        assert!(hint.unwrap().contains("greylag rollout retry"));
    }

    #[test]
    fn an_error_is_told_however_much_the_other_output_says_behind_it() {
        let mut said = LastLines::default();
        said.hear(Pipe::Err, "error: no access".into());
        for number in 0..100 {
            said.hear(Pipe::Out, format!("row {number}"));
        }
        let ToolEnd::Failed { why, .. } =
            explain("shift", ExitStatus::from_raw(3 << 8), &said.all())
        else {
            panic!("it is done");
        };
        assert_eq!(why, "it ended with 3: error: no access");
    }

    #[test]
    fn gh_ost_s_last_word_is_told_without_its_clock() {
        let said: VecDeque<String> = [
            "2026-11-23 00:09:07 ERROR Found 1 child-side foreign keys on `lab`.`child`. Bailing out",
            "2026-11-23 00:09:07 INFO Tearing down inspector",
            "2026-11-23 00:09:07 FATAL 2026-11-23 00:09:07 ERROR Found 1 child-side foreign keys on `lab`.`child`. Bailing out",
        ]
        .map(str::to_owned)
        .into();
        let ToolEnd::Failed { why, hint, .. } =
            explain(GH_OST, ExitStatus::from_raw(1 << 8), &said)
        else {
            panic!();
        };
        assert_eq!(
            why,
            "it ended with 1: Found 1 child-side foreign keys on `lab`.`child`. Bailing out"
        );
        assert!(hint.unwrap().contains("pt-online-schema-change"));
    }

    #[test]
    fn a_tool_that_is_killed_is_not_done() {
        let end = explain("other", ExitStatus::from_raw(9), &VecDeque::new());
        assert!(matches!(end, ToolEnd::Failed { .. }), "{end:?}");
    }
}
