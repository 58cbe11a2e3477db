//! How a run ended, for people and for programs.

use super::{
    plan::{print_held, some},
    ways::ways_on,
};
use crate::{
    output::{Format, Paint, Screen, count, draw_failure, draw_place, paint, span, wait_reason},
    problem::Problem,
    view::Board,
    workplace::Workplace,
};
use greylag_core::{fleet::ShardName, gate::WaitReason, outcome::FailureClass, plan::HoldReason};
use greylag_orchestrator::{
    Exit,
    apply::{Summary, Verdict},
    operations::{OperationReport, ShardResult},
};
use serde_json::{Value, json};
use std::time::Duration;

/// The summary of `apply`.
pub fn print_summary(screen: &Screen, summary: &Summary, board: &Board, place: &Workplace) {
    match screen.format {
        Format::Ndjson => {
            screen.json(&serde_json::to_value(summary).unwrap_or_default());
            return;
        }
        Format::Json => {
            screen.document("greylag.summary/v1", summary);
            return;
        }
        Format::Human => {}
    }
    for line in human(summary, board, place) {
        screen.result(line);
    }
    print_held(screen, &summary.held);
    for (shard, why) in &summary.unreached {
        screen.result(format!(
            "{} {shard} was not reached: {why}",
            paint(Paint::Waits, "!")
        ));
    }
}

/// The last line of NDJSON where a run ended before it began.
pub fn summary_line(problem: &Problem) -> Value {
    let verdict = match problem.exit {
        Exit::Refused => "refused",
        Exit::Waiting => "waiting",
        Exit::Split if problem.unknown => "unknown",
        Exit::Split => "split",
        _ => "nothing_changed",
    };
    json!({
        "type": "summary",
        "verdict": verdict,
        "exit_code": problem.exit.code(),
        "stopped": problem.message,
    })
}

/// What `baseline`, `repair` and the like did; the exit code with it.
pub fn print_report(screen: &Screen, schema: &str, report: &OperationReport) -> Exit {
    if !screen.human() {
        screen.document(schema, report);
    }
    let mut changed = false;
    let mut exit = Exit::Done;
    for one in &report.shards {
        let (mark, lines) = match &one.result {
            ShardResult::Changed { what } => {
                changed = true;
                (paint(Paint::Good, "✓"), what.clone())
            }
            ShardResult::WouldChange { what } => (paint(Paint::Waits, "would:"), what.clone()),
            ShardResult::Nothing { why } => (paint(Paint::Dim, "-"), vec![why.clone()]),
            ShardResult::Refused { refusals } => {
                exit = Exit::Refused;
                let lines = refusals.iter().map(ToString::to_string).collect();
                (paint(Paint::Bad, "✗"), lines)
            }
            // Before anything was touched.
            ShardResult::Failed { failure } if failure.class == FailureClass::Refused => {
                exit = Exit::Refused;
                let hint = failure.hint.iter();
                let hint = hint.map(|hint| format!("{} {hint}", paint(Paint::Waits, "hint:")));
                let lines = [failure.message.clone()].into_iter().chain(hint);
                (paint(Paint::Bad, "✗"), lines.collect())
            }
            ShardResult::Failed { failure } => {
                exit = worse(exit, Exit::Error);
                (paint(Paint::Bad, "✗"), draw_failure(failure, None))
            }
            ShardResult::Unreachable { why } => {
                exit = worse(exit, Exit::Error);
                (
                    paint(Paint::Bad, "✗"),
                    vec![format!("can't be reached: {why}")],
                )
            }
        };
        if screen.human() {
            screen.result(format!("{mark} {}: {}", one.shard, lines.join("\n    ")));
        }
    }
    match (changed, exit) {
        (true, Exit::Error | Exit::Refused) => Exit::Split,
        (_, exit) => exit,
    }
}

fn worse(now: Exit, new: Exit) -> Exit {
    if now == Exit::Done { new } else { now }
}

/// Why something stayed behind that somebody must mend.
fn kept_back(summary: &Summary) -> Option<&'static str> {
    let to_mend = || summary.held.iter().filter(|held| held.must_be_mended());
    let reasons = || to_mend().flat_map(|held| &held.reasons);
    let has = |is: fn(&HoldReason) -> bool| reasons().any(is);
    let why = if has(|reason| matches!(reason, HoldReason::Subscriber { .. })) {
        "logical subscribers can't take what is pending"
    } else if has(|reason| matches!(reason, HoldReason::Lint { .. })) {
        "the lint finds errors in what is pending"
    } else if has(|reason| matches!(reason, HoldReason::FailedBefore { .. })) {
        "what failed before is still in histories"
    } else if has(|reason| matches!(reason, HoldReason::MissingOnDisk { .. })) {
        "files of applied migrations are gone"
    } else if has(|reason| matches!(reason, HoldReason::OutOfOrder { .. })) {
        "what is pending is below what is applied"
    } else {
        "what is pending is held"
    };
    to_mend().next().map(|_| why)
}

/// Of a rollout that is done, in one line.
pub fn finished(summary: &Summary) -> String {
    format!(
        "rollout {} is done: {} changed, {} applied",
        summary.rollout.as_deref().unwrap_or_default(),
        count(summary.shards.changed, "shard"),
        migrations(summary.migrations_applied),
    )
}

fn migrations(applied: u64) -> String {
    count(usize::try_from(applied).unwrap_or(usize::MAX), "migration")
}

fn human(summary: &Summary, board: &Board, place: &Workplace) -> Vec<String> {
    let took = span(Duration::from_millis(summary.millis));
    let shards = &summary.shards;
    let mut lines = Vec::new();
    for one in &summary.finished {
        lines.push(format!(
            "first the unfinished rollout {} was finished: {} changed, {} applied",
            one.rollout,
            count(one.changed, "shard"),
            migrations(one.migrations_applied),
        ));
    }
    match summary.verdict {
        Verdict::Done
            if summary.rollout.is_none()
                && let Some(why) = kept_back(summary) =>
        {
            lines.push(paint(Paint::Bad, format!("nothing was applied: {why}")));
        }
        Verdict::Done if kept_back(summary).is_some() => lines.push(format!(
            "{}: {} changed, {} applied, {took}; what is held is left",
            paint(Paint::Waits, "done in part"),
            count(shards.changed, "shard"),
            migrations(summary.migrations_applied),
        )),
        Verdict::Done if summary.rollout.is_none() => lines.push(format!(
            "{} nothing to do: {} up to date{}",
            paint(Paint::Good, "✓"),
            count(shards.up_to_date, "shard"),
            match shards.held {
                0 => String::new(),
                held => format!(", {held} held"),
            }
        )),
        Verdict::Done => lines.push(format!(
            "{} {}: {} changed, {} applied, {took}",
            paint(Paint::Good, "✓"),
            paint(Paint::Strong, "done"),
            count(shards.changed, "shard"),
            migrations(summary.migrations_applied),
        )),
        Verdict::Waiting => {
            lines.extend(first_is_done(summary));
            lines.push(match &summary.stopped {
                None => paint(Paint::Waits, format!("waiting, after {took}")),
                Some(why) => format!(
                    "{} {}",
                    paint(Paint::Bad, "✗"),
                    paint(
                        Paint::Bad,
                        format!("it went no further: {}", first_line(why))
                    )
                ),
            });
            lines.extend(
                summary
                    .waiting
                    .iter()
                    .map(|reason| format!("  {}", wait_reason(reason))),
            );
            if !is_next_plan(summary) {
                lines.extend(where_it_stands(board));
            }
            lines.extend(waiting_commands(summary));
        }
        Verdict::Aborted => {
            lines.push(paint(Paint::Bad, "aborted"));
            lines.extend(where_it_stands(board));
        }
        Verdict::Split | Verdict::Unknown | Verdict::NothingChanged | Verdict::Refused => {
            let title = match summary.verdict {
                Verdict::Split => "stopped, and the fleet is split",
                Verdict::Unknown => "stopped, and the fate of a migration is not known",
                Verdict::Refused => "refused",
                _ => "stopped; this run changed no shard",
            };
            lines.extend(first_is_done(summary));
            lines.push(format!(
                "{} {}",
                paint(Paint::Bad, "✗"),
                paint(Paint::Bad, title)
            ));
            if let Some(why) = &summary.stopped {
                lines.push(format!("  {why}"));
            }
            lines.extend(where_it_stands(board));
            lines.extend(failures(summary, place));
            lines.extend(ways_on(summary));
            if summary.failed.is_empty() && summary.unknown.is_empty() {
                lines.push(format!("  go on:  {}", paint(Paint::Name, "greylag apply")));
            }
        }
    }
    lines
}

/// What was agreed to is done, whatever became of the plan after it.
fn first_is_done(summary: &Summary) -> Option<String> {
    is_next_plan(summary).then(|| format!("{} {}", paint(Paint::Good, "✓"), finished(summary)))
}

/// The whole of it was said as an error.
fn first_line(text: &str) -> &str {
    let line = text.lines().next().unwrap_or_default();
    line.trim_end_matches(':')
}

/// What was agreed to is done; more waits for a plan of its own.
fn is_next_plan(summary: &Summary) -> bool {
    let next = |reason: &WaitReason| matches!(reason, WaitReason::NextPlan { .. });
    summary.waiting.iter().any(next)
}

/// Which shards changed, and which did not.
fn where_it_stands(board: &Board) -> Vec<String> {
    let name = |shard: &&ShardName| shard.to_string();
    let mut lines = Vec::new();
    let mut group = |title: &str, mut names: Vec<String>| {
        if !names.is_empty() {
            names.sort();
            lines.push(format!(
                "  {title:<12} {:>4}  {}",
                names.len(),
                some(&names)
            ));
        }
    };
    let stopped = |shard: &&ShardName| {
        board.failed.contains(*shard)
            || board.unknown.contains(*shard)
            || board.skipped.contains(*shard)
    };
    // One that failed may have had something before.
    let changed = board.changed.iter().map(|s| name(&s));
    group("changed", changed.collect());
    let untouched = board
        .shards()
        .filter(|shard| !board.changed.contains(*shard) && !stopped(shard));
    group("not changed", untouched.map(|s| s.to_string()).collect());
    group("failed", board.failed.iter().map(|s| name(&s)).collect());
    group("unknown", board.unknown.iter().map(|s| name(&s)).collect());
    group("skipped", board.skipped.iter().map(|s| name(&s)).collect());
    lines
}

fn failures(summary: &Summary, place: &Workplace) -> Vec<String> {
    let mut lines = Vec::new();
    let folder = place.folder();
    for (shard, failure) in &summary.failed {
        let what = failure
            .migration
            .as_ref()
            .map(|m| format!(" failed in {m}"));
        lines.push(String::new());
        lines.push(paint(
            Paint::Strong,
            format!("{shard}{}", what.unwrap_or_default()),
        ));
        let detail = draw_failure(failure, folder.as_deref());
        lines.extend(detail.into_iter().map(|line| format!("  {line}")));
    }
    for (shard, doubt) in &summary.unknown {
        lines.push(String::new());
        let what = doubt.migration.as_ref().map(|m| format!(", {m}"));
        lines.push(paint(
            Paint::Strong,
            format!("{shard}{}", what.unwrap_or_default()),
        ));
        let place = draw_place(doubt.place.as_ref(), folder.as_deref());
        lines.extend(place.into_iter().map(|line| format!("  {line}")));
        lines.push(format!("  {}", doubt.why));
    }
    lines
}

fn waiting_commands(summary: &Summary) -> Vec<String> {
    let mut lines = Vec::new();
    for reason in &summary.waiting {
        let line = match reason {
            WaitReason::Approval { digest } => format!(
                "  approve it:  {}",
                paint(
                    Paint::Name,
                    format!("greylag rollout approve --digest {digest} && greylag apply")
                )
            ),
            WaitReason::NextPlan { .. } => format!(
                "  go on:  {}",
                paint(Paint::Name, "greylag plan && greylag apply")
            ),
            WaitReason::Wave { .. } => {
                format!("  go on:  {}", paint(Paint::Name, "greylag apply"))
            }
            WaitReason::Paused { .. } => format!(
                "  let it go on:  {}",
                paint(Paint::Name, "greylag rollout resume && greylag apply")
            ),
            _ => continue,
        };
        lines.push(line);
    }
    lines
}
