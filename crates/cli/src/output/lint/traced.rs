//! What a trace saw, in words.

use super::Reviewed;
use crate::output::{Paint, Screen, count, paint};
use greylag_core::trace::{Measured, Relation};
use greylag_lint::{Finding, Trace, Traced};
use std::time::Duration;

impl<'a> Reviewed<'a> {
    /// What was seen of the statement that a finding is about.
    pub(super) fn measured(&self, finding: &Finding) -> Option<&'a Measured> {
        let mut traces = self.report.traces.iter();
        let trace = traces.find(|trace| trace.engine == finding.engine)?;
        trace.of(&finding.script)?.of(finding.statement?)
    }
}

/// The verdict, as the rest of a sentence.
pub(super) fn verdict(traced: Traced) -> &'static str {
    match traced {
        Traced::Confirmed => "confirmed by the trace",
        Traced::Contradicted => "contradicted by the trace",
        Traced::SeenOnly => "seen by the trace alone",
    }
}

/// Each statement that was traced, with what it did.
pub(super) fn print(screen: &Screen, reviewed: &Reviewed<'_>) {
    for trace in &reviewed.report.traces {
        screen.result(format!(
            "{} {}",
            paint(Paint::Strong, "traced"),
            headline(trace)
        ));
        for file in &trace.files {
            let path = reviewed.path(&file.script);
            let text = reviewed.text(&file.script);
            for one in &file.seen.statements {
                let at = place(trace, one.statement, &text);
                screen.result(format!("  {path}{at}"));
                screen.result(format!("      {}", words(one)));
            }
            if let Some(refusal) = &file.seen.refused {
                let at = place(trace, refusal.statement, &text);
                screen.result(format!("  {path}{at}"));
                let text = format!("refused: {}", refusal.message);
                screen.result(format!("      {}", paint(Paint::Bad, text)));
            }
            if let Some(us) = file.seen.replayed_after_us {
                screen.result(format!(
                    "  {path}: replayed on the replica after {}",
                    span(us)
                ));
            }
            for note in &file.seen.notes {
                screen.result(format!("  {}", paint(Paint::Dim, note)));
            }
        }
        for note in &trace.notes {
            screen.result(format!("  {}", paint(Paint::Waits, note)));
        }
        screen.result("");
    }
}

fn headline(trace: &Trace) -> String {
    let on = match trace.version.is_empty() {
        true => format!("nothing on {}", trace.engine.title()),
        false => format!(
            "on {} {} and a replica",
            trace.engine.title(),
            trace.version
        ),
    };
    match trace.replayed {
        0 => on,
        files => format!("{on}, after {}", count(files, "file")),
    }
}

/// `:3  ALTER TABLE orders …`, found by cutting the text as the trace did.
fn place(trace: &Trace, statement: usize, text: &str) -> String {
    let cut = greylag_core::script::split(trace.engine.dialect(), text).ok();
    let found = cut
        .as_ref()
        .and_then(|cut| Some((cut, cut.statements.get(statement)?)));
    match found {
        None => format!(", statement {}", statement + 1),
        Some((cut, statement)) => {
            let sql = cut.sql(statement);
            let line = sql.lines().next().unwrap_or_default();
            let short: String = line.chars().take(70).collect();
            let more = if short.len() < sql.len() { " …" } else { "" };
            format!(
                ":{}  {}{more}",
                statement.line,
                paint(Paint::Dim, short.trim_end())
            )
        }
    }
}

/// All of it in one line: locks, files, log, replicas, time.
pub(super) fn words(one: &Measured) -> String {
    let mut parts = Vec::new();
    for mode in modes(one) {
        let on = one
            .locks
            .iter()
            .filter(|lock| lock.mode == mode && !lock.held && !lock.on.new);
        let names: Vec<&str> = on.map(|lock| lock.on.name.as_str()).collect();
        parts.push(format!("{mode} on {}", names.join(", ")));
    }
    let held = one.locks.iter().filter(|lock| lock.held && !lock.on.new);
    let held: Vec<String> = held
        .map(|lock| format!("{} on {}", lock.mode, lock.on.name))
        .collect();
    if !held.is_empty() {
        parts.push(format!("still held: {}", held.join(", ")));
    }
    if parts.is_empty() {
        parts.push("no lock on what was there".into());
    }
    if let Some(algorithm) = &one.algorithm {
        parts.push(format!("ALGORITHM={algorithm}"));
    }
    push(&mut parts, "written anew: ", one.rewritten.iter());
    push(&mut parts, "made: ", one.built.iter());
    let read = one.read.iter().flatten().filter(|table| !table.new);
    push(&mut parts, "read: ", read);
    parts.push(format!("{} of log", bytes(one.log_bytes)));
    let replayed = one
        .replayed_locks
        .iter()
        .flatten()
        .filter(|relation| !relation.new);
    push(&mut parts, "replicas lock: ", replayed);
    parts.push(span(one.duration_us));
    parts.join("; ")
}

/// The modes of new locks on what was there, from the first.
fn modes(one: &Measured) -> Vec<&str> {
    let mut modes: Vec<&str> = Vec::new();
    for lock in one.locks.iter().filter(|lock| !lock.held && !lock.on.new) {
        if !modes.contains(&lock.mode.as_str()) {
            modes.push(&lock.mode);
        }
    }
    modes
}

fn push<'r>(parts: &mut Vec<String>, name: &str, relations: impl Iterator<Item = &'r Relation>) {
    let names: Vec<&str> = relations.map(|relation| relation.name.as_str()).collect();
    if !names.is_empty() {
        parts.push(format!("{name}{}", names.join(", ")));
    }
}

fn bytes(n: u64) -> String {
    match n {
        0..10_000 => format!("{n} bytes"),
        10_000..10_000_000 => format!("{} kB", n / 1_000),
        _ => format!("{} MB", n / 1_000_000),
    }
}

fn span(us: u64) -> String {
    crate::output::span(Duration::from_micros(us))
}

#[cfg(test)]
mod tests {
    use super::words;
    use greylag_core::trace::{Measured, Relation, TakenLock};

    #[test]
    fn what_was_there_is_told_and_what_is_new_only_as_made() {
        let relation = |name: &str, new| Relation {
            name: name.into(),
            index_of: None,
            new,
        };
        let lock = |name: &str, new, held| TakenLock {
            on: relation(name, new),
            mode: "ACCESS EXCLUSIVE".into(),
            held,
        };
        let one = Measured {
            locks: vec![
                lock("orders", false, false),
                lock("made", true, false),
                lock("old", false, true),
            ],
            built: vec![relation("made", true)],
            log_bytes: 12_345,
            ..Measured::default()
        };
        let said = words(&one);
        assert!(
            said.starts_with("ACCESS EXCLUSIVE on orders; still held: ACCESS EXCLUSIVE on old; made: made; 12 kB of log"),
            "{said}"
        );
    }
}
