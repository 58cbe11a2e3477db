//! The live view's lines, drawn from a board: a pure function, so that it can be tested.

use super::board::{Board, Flight, WaveBoard};
use crate::output::{Paint, count, paint, span, wait_reason, wrap};
use greylag_core::{
    gate::WaitReason,
    plan::{Stage, StageKind},
};
use jiff::Timestamp;
use std::time::Duration;

/// How many shards in flight are shown, one a line.
const FLIGHTS: usize = 10;
const BAR: usize = 24;
/// Who blocks whom takes more than a line, and is what somebody looks for.
const WAIT_LINES: usize = 3;

/// The lines to show now, none wider than `width` but for colours.
pub fn frame(board: &Board, now: Timestamp, tick: usize, width: usize) -> Vec<String> {
    let Some(plan) = &board.plan else {
        return survey(board).into_iter().collect();
    };
    let mut lines = Vec::new();
    if let Some(stage) = plan.stages.get(board.stage) {
        lines.push(headline(board, stage, plan.stages.len(), now));
    }
    let widest = board.waves.iter().map(|wave| wave.name.chars().count());
    let widest = widest.max().unwrap_or_default().min(24);
    for wave in board.waves.iter().filter(|wave| wave.total > 0) {
        lines.push(wave_line(wave, widest, width, now));
    }
    let names = board.in_flight.keys().take(FLIGHTS);
    let name_width = names
        .map(|name| name.as_str().chars().count())
        .max()
        .unwrap_or_default();
    for (name, flight) in board.in_flight.iter().take(FLIGHTS) {
        let text = flight_line(flight, now);
        let room = width.saturating_sub(name_width + 6);
        lines.push(format!(
            "  {} {}  {}",
            paint(Paint::Name, spinner(tick)),
            pad(name.as_str(), name_width),
            fit(&text, room)
        ));
    }
    if board.in_flight.len() > FLIGHTS {
        let more = board.in_flight.len() - FLIGHTS;
        lines.push(paint(Paint::Dim, format!("    and {more} more in flight")));
    }
    for reason in &board.waiting {
        let text = format!("  waiting: {}", wait(reason, now));
        let mut parts = wrap(&text, width);
        if parts.len() > WAIT_LINES {
            parts.truncate(WAIT_LINES);
            if let Some(last) = parts.last_mut() {
                *last = fit(&format!("{last} …"), width);
            }
        }
        lines.extend(parts.into_iter().map(|part| paint(Paint::Waits, part)));
    }
    match board.stopping {
        Some(true) => lines.push(paint(
            Paint::Bad,
            "  cancelling what is in flight on the servers",
        )),
        Some(false) => lines.push(paint(
            Paint::Waits,
            "  stopping: what is in flight finishes its current migration; ^C again cancels it",
        )),
        None => {}
    }
    lines
}

fn survey(board: &Board) -> Option<String> {
    let (done, total) = board.surveyed?;
    (total > 0).then(|| {
        format!(
            "looking at the fleet {} {done}/{total}",
            bar(done, 0, 0, total)
        )
    })
}

fn headline(board: &Board, stage: &Stage, stages: usize, now: Timestamp) -> String {
    let mut parts = vec![format!("{}/{} shards", board.complete, board.total())];
    if !board.failed.is_empty() {
        parts.push(paint(Paint::Bad, format!("{} failed", board.failed.len())));
    }
    if !board.unknown.is_empty() {
        parts.push(paint(
            Paint::Bad,
            format!("{} unknown", board.unknown.len()),
        ));
    }
    if !board.skipped.is_empty() {
        parts.push(format!("{} skipped", board.skipped.len()));
    }
    if let Some(since) = board.since {
        let elapsed = between(since, now);
        parts.push(clock_span(elapsed));
        if let Some(left) = remaining(board, elapsed) {
            parts.push(format!("about {} left", clock_span(left)));
        }
    }
    let title = format!(
        "stage {} of {stages}: {}",
        board.stage + 1,
        stage_words(stage)
    );
    format!("{}  {}", paint(Paint::Strong, title), parts.join(", "))
}

/// What a stage does, in a few words.
pub fn stage_words(stage: &Stage) -> String {
    let migrations = match &stage.migrations[..] {
        [] => "nothing".to_owned(),
        [one] => one.to_string(),
        [first, last] => format!("{first} and {last}"),
        [first, .., last] => format!(
            "{first} … {last} ({})",
            count(stage.migrations.len(), "migration")
        ),
    };
    match stage.kind {
        StageKind::Newcomers => format!("new shards catch up, {migrations}"),
        StageKind::Versioned => {
            let phase = serde_json::to_value(stage.phase).unwrap_or_default();
            format!("{}, {migrations}", phase.as_str().unwrap_or("expand"))
        }
        StageKind::Repeatable => format!("repeatables, {migrations}"),
        StageKind::Undo => format!("undo, {migrations}"),
    }
}

fn wave_line(wave: &WaveBoard, widest: usize, width: usize, now: Timestamp) -> String {
    let drawn = bar(wave.done, wave.failed, wave.in_flight, wave.total);
    let figures = format!("{}/{}", wave.done, wave.total);
    let mut line = format!("  {} {drawn} {figures:>9}", pad(&wave.name, widest));
    if wave.failed > 0 {
        line.push_str(&paint(Paint::Bad, format!("  {} in trouble", wave.failed)));
    } else if let Some(reason) = wave.waiting.first() {
        let room = width.saturating_sub(widest + BAR + 16);
        let text = fit(&format!("waiting: {}", wait(reason, now)), room);
        line.push_str(&format!("  {}", paint(Paint::Waits, text)));
    } else if wave.done == wave.total {
        line.push_str(&format!("  {}", paint(Paint::Good, "done")));
    }
    line
}

fn flight_line(flight: &Flight, now: Timestamp) -> String {
    let mut text = String::new();
    if let Some(migration) = &flight.migration {
        text.push_str(&migration.to_string());
        if flight.total > 1 {
            text.push_str(&format!(
                " ({} of {})",
                (flight.done + 1).min(flight.total),
                flight.total
            ));
        }
    }
    if let Some((done, total)) = flight.statements
        && total > 1
    {
        text.push_str(&format!(", statement {} of {total}", (done + 1).min(total)));
    }
    match flight.waiting.first() {
        // It has nothing left to run.
        Some(reason @ WaitReason::Replay { .. }) => text.push_str(&wait(reason, now)),
        Some(reason) => text.push_str(&format!("  waiting: {}", wait(reason, now))),
        None if flight.total > 0 && flight.done == flight.total => text.push_str("applied"),
        None => {}
    }
    let since = between(flight.since, now);
    if since >= Duration::from_secs(1) {
        text.push_str(&format!("  {}", span(since)));
    }
    text
}

/// A reason, with the time that is left where it has an end.
fn wait(reason: &WaitReason, now: Timestamp) -> String {
    match reason {
        WaitReason::Soak { until } => format!("soaking, {} left", clock_span(between(now, *until))),
        other => wait_reason(other),
    }
}

/// As long as it took per shard so far, for what is left. Silent until it has seen enough to guess.
fn remaining(board: &Board, elapsed: Duration) -> Option<Duration> {
    let finished = board.finished_here;
    let left = board.visits_left;
    let held = !board.waiting.is_empty() || board.waves.iter().any(|wave| !wave.waiting.is_empty());
    if finished < 3 || left == 0 || held || board.stopping.is_some() || !board.failed.is_empty() {
        return None;
    }
    Some(elapsed.mul_f64(left as f64 / finished as f64))
}

fn bar(done: usize, failed: usize, in_flight: usize, total: usize) -> String {
    let part = |n: usize| (n * BAR).checked_div(total).unwrap_or(0);
    // What exists is seen, however small its share.
    let seen = |n: usize| if n > 0 { part(n).max(1) } else { 0 };
    let full = if done == total && total > 0 {
        BAR
    } else {
        part(done)
    };
    let bad = seen(failed).min(BAR - full);
    let busy = seen(in_flight).min(BAR - full - bad);
    let rest = BAR - full - bad - busy;
    format!(
        "{}{}{}{}",
        paint(Paint::Good, "━".repeat(full)),
        paint(Paint::Bad, "╳".repeat(bad)),
        paint(Paint::Name, "╍".repeat(busy)),
        paint(Paint::Dim, "─".repeat(rest))
    )
}

fn spinner(tick: usize) -> &'static str {
    const FRAMES: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
    FRAMES[tick % FRAMES.len()]
}

fn pad(text: &str, width: usize) -> String {
    let text = fit(text, width);
    let blanks = width.saturating_sub(text.chars().count());
    format!("{text}{}", " ".repeat(blanks))
}

fn fit(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(width.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// Minutes and seconds, which don't flicker.
fn clock_span(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..3600 => format!("{}:{:02}", seconds / 60, seconds % 60),
        _ => span(time),
    }
}

fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}
