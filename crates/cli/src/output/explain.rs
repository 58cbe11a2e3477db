//! Errors and failures as a person is told them.

use super::{Format, Paint, Screen, paint, words::blocker};
use crate::{mistake::Mistake, problem::Problem};
use greylag_core::outcome::{Failure, FailureClass, Left, Place};
use miette::{GraphicalReportHandler, GraphicalTheme};
use serde_json::json;

/// Says why a verb could not do its work.
pub fn print_problem(screen: &Screen, problem: &Problem) {
    if screen.format != Format::Human {
        screen.json(&problem_document(problem));
    }
    draw_problem(screen, problem);
}

/// The same where a document of its own still comes: that is the only one there is.
pub fn tell_problem(screen: &Screen, problem: &Problem) {
    match screen.format {
        Format::Json => draw_problem(screen, problem),
        Format::Human | Format::Ndjson => print_problem(screen, problem),
    }
}

fn draw_problem(screen: &Screen, problem: &Problem) {
    screen.tell(format!(
        "{} {}",
        paint(Paint::Bad, "error:"),
        problem.message
    ));
    for cause in &problem.causes {
        screen.tell(format!("  {} {cause}", paint(Paint::Dim, "because:")));
    }
    if !problem.mistakes.is_empty() {
        screen.tell(draw_mistakes(&problem.mistakes, screen.width()));
    }
    for hint in &problem.hints {
        for (at, line) in hint.lines().enumerate() {
            let lead = if at == 0 { "hint:" } else { "     " };
            screen.tell(format!("  {} {line}", paint(Paint::Waits, lead)));
        }
    }
}

/// A failed migration: the place, the server's words, what it left, and the hint.
pub fn draw_failure(failure: &Failure, folder: Option<&std::path::Path>) -> Vec<String> {
    let mut lines = draw_place(failure.place.as_ref(), folder);
    let code = failure.code.as_ref().map(|code| format!(" [{code}]"));
    lines.push(format!(
        "{}{}: {}",
        class(failure.class),
        code.unwrap_or_default(),
        paint(Paint::Strong, &failure.message)
    ));
    for one in &failure.blockers {
        lines.push(format!("blocked by {}", blocker(one)));
    }
    lines.push(match failure.left {
        Left::Nothing if failure.class == FailureClass::Verify => {
            "the migration is applied, and stands".to_owned()
        }
        Left::Nothing => "everything it did was rolled back".to_owned(),
        Left::Partial { done, total } => format!(
            "{done} of its {total} statements stand, each committed by itself; a later run goes on after them"
        ),
    });
    if let Some(hint) = &failure.hint {
        lines.push(format!("{} {hint}", paint(Paint::Waits, "hint:")));
    }
    lines
}

/// Where in a file, and the text there; nothing where that isn't known.
pub fn draw_place(place: Option<&Place>, folder: Option<&std::path::Path>) -> Vec<String> {
    let Some(place) = place else {
        return Vec::new();
    };
    let file = folder.map_or_else(
        || place.script.clone(),
        |folder| folder.join(&place.script).display().to_string(),
    );
    let column = place.column.map(|c| format!(":{c}")).unwrap_or_default();
    vec![
        format!(
            "{} {file}:{}{column} (statement {})",
            paint(Paint::Dim, "at"),
            place.line,
            place.statement
        ),
        format!("  {} {}", paint(Paint::Dim, "|"), place.excerpt),
    ]
}

fn class(class: FailureClass) -> &'static str {
    match class {
        FailureClass::Lock => "lock",
        FailureClass::Data => "data",
        FailureClass::Syntax => "syntax",
        FailureClass::Permission => "permission",
        FailureClass::Connection => "connection",
        FailureClass::Lag => "lag",
        FailureClass::Conflict => "conflict",
        FailureClass::Refused => "refused",
        FailureClass::Verify => "verification",
        FailureClass::Cancelled => "cancelled",
        FailureClass::Other => "error",
    }
}

/// Mistakes in files, each with its line.
fn draw_mistakes(mistakes: &[Mistake], width: usize) -> String {
    let plain = anstream::AutoStream::choice(&std::io::stderr()) == anstream::ColorChoice::Never;
    let theme = match plain {
        true => GraphicalTheme::unicode_nocolor(),
        false => GraphicalTheme::unicode(),
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(width)
        .with_context_lines(1)
        .with_wrap_lines(true);
    let mut text = String::new();
    for mistake in mistakes {
        // A file whose name alone is wrong was not read: there is no line to draw.
        if !mistake.has_text() || handler.render_report(&mut text, mistake).is_err() {
            text.push_str(&format!("  × {}: {mistake}\n", mistake.file));
            if let Some(hint) = mistake.hint() {
                text.push_str(&format!("   help: {hint}\n"));
            }
        }
    }
    text.trim_end().to_owned()
}

fn problem_document(problem: &Problem) -> serde_json::Value {
    json!({
        "schema": "greylag.error/v1",
        "type": "error",
        "message": problem.message,
        "causes": problem.causes,
        "hints": problem.hints,
        "exit_code": problem.exit.code(),
        "mistakes": problem.mistakes.iter().map(Mistake::document).collect::<Vec<_>>(),
    })
}
