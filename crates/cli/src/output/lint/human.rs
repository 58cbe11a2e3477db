//! Findings as a person reads them: the line, then why, lock, replicas, shards, and what to do instead.

use super::{Reviewed, parts, traced};
use crate::output::{Paint, Screen, count, paint, wrap};
use greylag_lint::{Finding, Group, Rule, Severity, Unjudged, rules};
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource};
use std::collections::HashMap;

/// How many statements that could not be judged are named.
const UNJUDGED: usize = 10;

pub(super) fn print(screen: &Screen, reviewed: &Reviewed<'_>) {
    let report = reviewed.report;
    let mut texts: HashMap<&str, NamedSource<String>> = HashMap::new();
    let mut allowed = 0;
    for finding in &report.findings {
        if finding.allowed.is_some() && !screen.verbose {
            allowed += 1;
            continue;
        }
        let text = texts.entry(&finding.script).or_insert_with(|| {
            let name = reviewed.path(&finding.script);
            NamedSource::new(name, reviewed.text(&finding.script)).with_language("sql")
        });
        draw(screen, reviewed, finding, text);
    }
    // Those that a finding speaks of have been told.
    let told = |one: &&Unjudged| {
        let at = (&one.script, one.statement, one.start);
        let mut findings = report.findings.iter();
        findings.any(|f| f.allowed.is_none() && (&f.script, f.statement, f.start) == at)
    };
    let unjudged = report.coverage.unjudged.iter();
    let unjudged: Vec<&Unjudged> = unjudged.filter(|one| !told(one)).collect();
    let named = if screen.verbose {
        unjudged.len()
    } else {
        UNJUDGED
    };
    for one in unjudged.iter().take(named) {
        screen.result(format!(
            "{} {}:{}: can't be judged: {}\n  {} {}",
            paint(Paint::Waits, "not judged"),
            reviewed.path(&one.script),
            one.start.line,
            one.why,
            paint(Paint::Dim, "|"),
            one.excerpt,
        ));
    }
    if unjudged.len() > named {
        screen.result(format!(
            "… and {} more; -v names all",
            unjudged.len() - named
        ));
    }
    for one in &report.coverage.unasked {
        let path = reviewed.path(&one.script);
        screen.result(format!(
            "{} {path}: {}",
            paint(Paint::Waits, "not asked"),
            one.why
        ));
    }
    traced::print(screen, reviewed);
    for one in reviewed.seen.iter().flat_map(|seen| &seen.unlooked) {
        let node = one.node.as_ref().map(|node| format!("/{node}"));
        screen.result(format!(
            "{} {}{}: {}",
            paint(Paint::Bad, "not looked at"),
            one.shard,
            node.unwrap_or_default(),
            one.why,
        ));
    }
    for lacks in reviewed.seen.iter().flat_map(|seen| &seen.unseen) {
        screen.result(format!(
            "{} {}; {}",
            paint(Paint::Waits, "not seen"),
            lacks.what,
            lacks.mend,
        ));
    }
    screen.result(summary(reviewed, allowed));
}

fn draw(screen: &Screen, reviewed: &Reviewed<'_>, finding: &Finding, text: &NamedSource<String>) {
    let (name, color) = match finding.severity {
        Severity::Error => ("error", Paint::Bad),
        Severity::Warning => ("warning", Paint::Waits),
        Severity::Note => ("note", Paint::Name),
    };
    screen.result(format!(
        "{}{}: {}",
        paint(color, name),
        paint(Paint::Dim, format!("[{}]", finding.rule)),
        paint(Paint::Strong, &finding.title),
    ));
    for line in snippet(finding, text, screen.width()).lines() {
        screen.result(line);
    }
    for (part, words) in parts(finding) {
        tell(screen, part, words);
    }
    if let Some(measured) = reviewed
        .measured(finding)
        .filter(|_| finding.traced.is_some())
    {
        tell(screen, "measured", &traced::words(measured));
    }
    if let Some(fix) = &finding.fix {
        tell(
            screen,
            "--fix",
            &format!("{}:", fix.title.trim_end_matches('.')),
        );
        for step in &fix.steps {
            for line in step.sql.lines() {
                screen.result(format!("{:14}{}", "", paint(Paint::Good, line)));
            }
        }
    }
    if let Some(allowed) = &finding.allowed {
        tell(screen, "allowed", &format!("because {}", allowed.because));
    }
    let mut last = format!("decided by {}", words_of(finding));
    if let Some(traced) = finding.traced {
        last.push_str("; ");
        last.push_str(traced::verdict(traced));
    }
    screen.result(format!("{:14}{}\n", "", paint(Paint::Dim, last)));
}

fn words_of(finding: &Finding) -> &'static str {
    use greylag_lint::Decided;
    match finding.decided {
        Decided::Text => "the text alone",
        Decided::Config => "[lint] of the project file",
        Decided::Fleet => "what the fleet looks like",
        Decided::Trace => "what happened on a scratch server",
    }
}

/// A part of the message, beside its name.
fn tell(screen: &Screen, part: &str, words: &str) {
    let mut lead = format!("{part:>12}  ");
    for line in words.lines() {
        let width = screen.width().clamp(40, 110).saturating_sub(14);
        for piece in wrap(line, width) {
            screen.result(format!(
                "{}{}",
                paint(Paint::Dim, &lead),
                piece.trim_start()
            ));
            lead = " ".repeat(14);
        }
    }
}

/// The lines that it is about, with the span underlined.
fn snippet(finding: &Finding, text: &NamedSource<String>, width: usize) -> String {
    let plain = anstream::AutoStream::choice(&std::io::stdout()) == anstream::ColorChoice::Never;
    let theme = match plain {
        true => GraphicalTheme::unicode_nocolor(),
        false => GraphicalTheme::unicode(),
    };
    let source = text.inner();
    let start = finding.span.start.min(source.len());
    // A statement of forty lines is known by its first.
    let first_line = source[start..]
        .find('\n')
        .map_or(source.len(), |at| start + at);
    let end = finding.span.end.clamp(start, first_line.max(start));
    if source.is_empty() {
        return format!("   {}", text.name());
    }
    let diagnostic =
        MietteDiagnostic::new("").with_label(LabeledSpan::new_with_span(None, start..end));
    let report = miette::Report::new(diagnostic).with_source_code(text.clone());
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(width)
        .with_context_lines(0)
        .without_cause_chain();
    let mut drawn = String::new();
    if handler.render_report(&mut drawn, report.as_ref()).is_err() {
        return format!("   {}:{}", text.name(), finding.start.line);
    }
    // Its headline is ours, above.
    let begin = drawn
        .find('╭')
        .map_or(0, |at| drawn[..at].rfind('\n').map_or(0, |nl| nl + 1));
    drawn[begin..].trim_end().to_owned()
}

fn summary(reviewed: &Reviewed<'_>, allowed: usize) -> String {
    let report = reviewed.report;
    let of = |severity| {
        let open = report.findings.iter().filter(|f| f.allowed.is_none());
        open.filter(|f| f.severity == severity).count()
    };
    let mut found: Vec<String> = [
        (Severity::Error, "error", Paint::Bad),
        (Severity::Warning, "warning", Paint::Waits),
        (Severity::Note, "note", Paint::Name),
    ]
    .into_iter()
    .filter(|(severity, ..)| of(*severity) > 0)
    .map(|(severity, name, color)| paint(color, count(of(severity), name)))
    .collect();
    if found.is_empty() {
        found.push(paint(Paint::Good, "nothing found"));
    }
    if allowed > 0 {
        found.push(format!("{allowed} allowed (-v shows them)"));
    }
    let coverage = &report.coverage;
    let by_fleet = reviewed.seen.map(|seen| {
        let all = seen.shards + seen.dark().count();
        format!("; {} of {} looked at", seen.shards, count(all, "shard"))
    });
    format!(
        "{} in {}; {} of {} judged ({} %){}",
        found.join(", "),
        count(reviewed.judged, "file"),
        coverage.judged,
        count(coverage.statements, "statement"),
        coverage.percent(),
        by_fleet.unwrap_or_default(),
    )
}

pub(super) fn print_rules(screen: &Screen) {
    let mut group: Option<Group> = None;
    for rule in rules::all() {
        if group != Some(rule.group) {
            group = Some(rule.group);
            screen.result(format!("\n{}", paint(Paint::Strong, rule.group.as_str())));
        }
        let severity = rule.severity.map_or("off", Severity::as_str);
        screen.result(format!("  {:<38} {severity:<8} {}", rule.id, rule.title));
    }
}

pub(super) fn print_rule(screen: &Screen, rule: &Rule) {
    let severity = rule.severity.map_or("off by default", Severity::as_str);
    screen.result(format!(
        "{} ({}, {severity}): {}\n",
        paint(Paint::Strong, rule.id),
        rule.group.as_str(),
        rule.title
    ));
    for line in rule.about.trim().lines() {
        for piece in wrap(line, screen.width().clamp(40, 110)) {
            screen.result(piece);
        }
    }
    for (name, sql) in [("Speaks about", rule.bad), ("Instead", rule.good)] {
        if !sql.trim().is_empty() {
            screen.result(format!("\n{}", paint(Paint::Strong, format!("{name}:"))));
            for line in sql.trim().lines() {
                screen.result(format!("    {line}"));
            }
        }
    }
}
