//! `greylag status`: which shard is on which version.

use crate::{
    arguments::Global,
    output::{Paint, Screen, clock, count, draw_failure, paint, trimmed, wait_reason},
    problem::Problem,
    view,
    workplace::{self, Journal, Workplace},
};
use clap::Args;
use comfy_table::{ContentArrangement, Table, presets};
use greylag_core::migration::Version;
use greylag_orchestrator::{
    Exit,
    project::parse_duration,
    status::{RolloutStatus, ShardStatus, Status as Document, read_status},
    survey::survey_fleet,
    watch::Blind,
};
use std::{
    io::Write,
    time::{Duration, Instant},
};

/// Up to so many shards are listed one by one without being asked.
const LISTED: usize = 16;

/// Shows the fleet: versions, what is pending, what failed, and the rollout
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  greylag status
  greylag status --shards                    each shard, however many
  greylag status --watch
  greylag status --at-least 42 --wait 10m    a deploy waits until every shard has V42; 4 if it doesn't come
  greylag status --output json | jq .versions
Ends with 5 where a shard can't be reached or is refused.")]
pub struct Status {
    /// List each shard
    #[arg(long)]
    shards: bool,
    /// Again every two seconds, until ^C
    #[arg(long)]
    watch: bool,
    /// End with 0 only once every shard has this version, else with 4
    #[arg(long, value_name = "V")]
    at_least: Option<Version>,
    /// How long --at-least waits for that
    #[arg(long, value_name = "TIME", value_parser = parse_duration, requires = "at_least")]
    wait: Option<Duration>,
}

pub async fn run(verb: &Status, global: &Global, screen: &Screen) -> Result<Exit, Problem> {
    let place = workplace::open(global, screen, Journal::Look).await?;
    let until = verb.wait.map(|wait| Instant::now() + wait);
    loop {
        let document = read(&place, screen, verb).await?;
        let behind = verb
            .at_least
            .as_ref()
            .map(|version| behind(&document, version));
        let waits =
            behind.is_some_and(|n| n > 0) && until.is_some_and(|until| Instant::now() < until);
        if !waits {
            if verb.watch && screen.live {
                let _ = write!(std::io::stdout(), "\x1b[H\x1b[2J");
            }
            show(screen, &document, verb);
            match behind {
                _ if verb.watch => {}
                Some(n) if n > 0 => {
                    screen.say(format!("{} not there yet", count(n, "shard")));
                    return Ok(Exit::Waiting);
                }
                _ => return Ok(exit(&document)),
            }
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

/// The fleet as it stands now, once.
pub async fn print(place: &Workplace, screen: &Screen) -> Result<(), Problem> {
    let verb = Status {
        shards: false,
        watch: false,
        at_least: None,
        wait: None,
    };
    let document = read(place, screen, &verb).await?;
    show(screen, &document, &verb);
    Ok(())
}

async fn read(place: &Workplace, screen: &Screen, verb: &Status) -> Result<Document, Problem> {
    let surveyed = if screen.human() && !verb.watch {
        let looking = view::open_for_looking(screen, place.folder());
        let surveyed = survey_fleet(&place.setup, None, &*looking).await;
        looking.close();
        surveyed?
    } else {
        survey_fleet(&place.setup, None, &Blind).await?
    };
    Ok(read_status(&place.setup, &surveyed).await?)
}

/// Of what can't be looked at nobody knows how it stands.
fn exit(document: &Document) -> Exit {
    match document.fleet.unreachable + document.fleet.refused {
        0 => Exit::Done,
        _ => Exit::Problems,
    }
}

/// How many shards don't have a version; those that can't be asked count, too.
fn behind(document: &Document, version: &Version) -> usize {
    let has = |shard: &&ShardStatus| {
        let there = shard
            .version
            .as_ref()
            .and_then(|v| v.parse::<Version>().ok());
        let hole =
            |id: &greylag_core::migration::MigrationId| id.version().is_some_and(|v| v <= version);
        there.is_some_and(|there| there >= *version) && !shard.pending.iter().any(hole)
    };
    document.shards.len() - document.shards.iter().filter(has).count() + document.missing.len()
}

fn show(screen: &Screen, document: &Document, verb: &Status) {
    if !screen.human() {
        screen.document("greylag.status/v1", document);
        return;
    }
    let fleet = &document.fleet;
    screen.result(format!(
        "{} ({}): {}",
        paint(Paint::Strong, &document.project),
        document.environment,
        figures(document),
    ));
    let mut versions: Vec<_> = document.versions.iter().collect();
    versions.sort_by_key(|(version, _)| version.parse::<Version>().ok());
    for (version, n) in versions {
        let label = match version.as_str() {
            "-" => "nothing yet".to_owned(),
            version => format!("V{version}"),
        };
        let share = (n * 30).checked_div(fleet.shards).unwrap_or(0).max(1);
        screen.result(format!(
            "  {label:>12}  {n:>5}  {}",
            paint(Paint::Name, "━".repeat(share))
        ));
    }
    if let Some(rollout) = &document.rollout {
        show_rollout(screen, rollout);
    }
    let all = verb.shards || document.shards.len() <= LISTED;
    let listed: Vec<_> = document
        .shards
        .iter()
        .filter(|shard| all || is_odd(shard))
        .collect();
    if !listed.is_empty() {
        screen.result(String::new());
        screen.result(trimmed(&table(&listed)));
    }
    if !all {
        let rest = document.shards.len() - listed.len();
        screen.say(paint(
            Paint::Dim,
            format!(
                "{} without trouble; --shards lists all",
                count(
                    rest,
                    if listed.is_empty() {
                        "shard"
                    } else {
                        "other shard"
                    }
                )
            ),
        ));
    }
    for shard in &document.shards {
        show_troubles(screen, shard);
    }
    for known in &document.missing {
        let version = known
            .version
            .as_ref()
            .map(|v| format!(", on V{v}"))
            .unwrap_or_default();
        screen.result(format!(
            "{} {} was seen on {}{version}, and is named no more: `greylag fleet forget {} --reason …` if it is gone",
            paint(Paint::Waits, "!"),
            known.name,
            clock(known.seen),
            known.name
        ));
    }
}

fn figures(document: &Document) -> String {
    let fleet = &document.fleet;
    let mut parts = vec![format!(
        "{}, {} up to date",
        count(fleet.shards, "shard"),
        fleet.up_to_date
    )];
    for (n, word, colour) in [
        (fleet.pending, "pending", Paint::Waits),
        (fleet.failed, "failed", Paint::Bad),
        (fleet.refused, "refused", Paint::Bad),
        (fleet.unreachable, "unreachable", Paint::Bad),
    ] {
        if n > 0 {
            parts.push(paint(colour, format!("{n} {word}")));
        }
    }
    parts.join(", ")
}

fn show_rollout(screen: &Screen, rollout: &RolloutStatus) {
    let mut line = format!("rollout {}: {}", rollout.id, rollout.state);
    if let Some(holder) = &rollout.holder {
        line.push_str(&format!(", {holder} is at it"));
    }
    line.push_str(&format!(", {} done", count(rollout.done, "shard")));
    for (names, word) in [
        (&rollout.failed, "failed"),
        (&rollout.unknown, "unknown"),
        (&rollout.skipped, "skipped"),
    ] {
        if !names.is_empty() {
            line.push_str(&format!(", {} {word}", names.len()));
        }
    }
    screen.result(line);
    for reason in &rollout.waiting {
        screen.result(paint(
            Paint::Waits,
            format!("  waiting: {}", wait_reason(reason)),
        ));
    }
}

fn table(shards: &[&ShardStatus]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    let hosts = shards.iter().any(|shard| shard.host != shards[0].host);
    let mut head = vec!["SHARD", "VERSION", "PENDING", "STATE"];
    if hosts {
        head.insert(1, "HOST");
    }
    table.set_header(head);
    for shard in shards {
        let version = shard
            .version
            .as_ref()
            .map_or("-".to_owned(), |v| format!("V{v}"));
        let pending = match &shard.pending[..] {
            [] => String::new(),
            [one] => one.to_string(),
            [first, .., last] => format!("{first} … {last} ({})", shard.pending.len()),
        };
        let mut row = vec![shard.name.to_string(), version, pending, state(shard)];
        if hosts {
            row.insert(1, shard.host.clone());
        }
        table.add_row(row);
    }
    table
}

fn state(shard: &ShardStatus) -> String {
    if shard.unreachable.is_some() {
        "unreachable".into()
    } else if !shard.refusals.is_empty() {
        "refused".into()
    } else if let Some(failed) = &shard.failed {
        format!("failed in {}", failed.migration)
    } else if !shard.problems.is_empty() {
        "history differs".into()
    } else if shard.pending.is_empty() {
        "up to date".into()
    } else {
        "pending".into()
    }
}

fn is_odd(shard: &ShardStatus) -> bool {
    shard.unreachable.is_some()
        || !shard.refusals.is_empty()
        || shard.failed.is_some()
        || !shard.problems.is_empty()
}

fn show_troubles(screen: &Screen, shard: &ShardStatus) {
    let title = |text: String| paint(Paint::Strong, text);
    if let Some(why) = &shard.unreachable {
        screen.result(format!(
            "\n{} can't be reached\n  {why}",
            title(shard.name.to_string())
        ));
    }
    for refusal in &shard.refusals {
        screen.result(format!("\n{}: {refusal}", title(shard.name.to_string())));
    }
    if let Some(failed) = &shard.failed {
        screen.result(format!(
            "\n{} failed in {}",
            title(shard.name.to_string()),
            failed.migration
        ));
        for line in failed
            .failure
            .iter()
            .flat_map(|failure| draw_failure(failure, None))
        {
            screen.result(format!("  {line}"));
        }
    }
    for problem in &shard.problems {
        screen.result(format!("\n{}: {problem}", title(shard.name.to_string())));
    }
}
