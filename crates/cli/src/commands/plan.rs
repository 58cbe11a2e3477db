//! `greylag plan`: what would happen.

use super::apply::past_holds;
use crate::{
    arguments::Global,
    output::{Format, Paint, Screen, count, hold_reason, paint, span},
    problem::Problem,
    view::{self, stage_words},
    workplace::{self, Journal, Workplace, shown},
};
use clap::Args;
use greylag_core::{
    fleet::ShardName,
    migration::{MigrationId, Version},
    plan::{Held, Plan as Planned, PlannedMigration, Stage, SubscriberShare, There, Turn},
    policy, script,
};
use greylag_lint::{Finding, Severity};
use greylag_orchestrator::{
    Exit,
    planning::{Ask, Prospect, look_ahead},
    survey::survey_fleet,
};
use std::{collections::BTreeMap, path::PathBuf, time::Duration};

/// Shows what would happen: stages, waves, gates, holds
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  greylag plan
  greylag plan --to 42
  greylag plan -o plan.json                  to be reviewed, and carried out by `greylag apply plan.json`
  greylag plan --output json | jq .digest")]
pub struct Plan {
    /// Save the plan, for `greylag apply FILE`
    #[arg(short = 'o', value_name = "FILE")]
    file: Option<PathBuf>,
    /// Up to and including this version
    #[arg(long, value_name = "V")]
    to: Option<Version>,
    /// Only these shards
    #[arg(long, value_name = "SHARD", num_args = 1..)]
    only: Vec<String>,
    /// Leave out shards that can't be reached
    #[arg(long)]
    skip_unreachable: bool,
    /// Claim databases that have tables and no identity; N says how many are expected
    #[arg(long, value_name = "N")]
    claim: Option<u32>,
    /// End with 4 where something is held
    #[arg(long)]
    fail_on_held: bool,
}

pub async fn run(verb: &Plan, global: &Global, screen: &Screen) -> Result<Exit, Problem> {
    let place = workplace::open(global, screen, Journal::Look).await?;
    let ask = Ask {
        scope: policy::Scope {
            to: verb.to.clone(),
            only: place.shards(&verb.only)?,
        },
        claim: verb.claim,
        skip_unreachable: verb.skip_unreachable,
        ..Ask::default()
    };
    let looking = view::open_for_looking(screen, place.folder());
    let surveyed = survey_fleet(&place.setup, ask.scope.only.as_ref(), &*looking).await;
    looking.close();
    let prospect = look_ahead(&place.setup, &surveyed?, &ask).await?;
    let plan = prospect.plan();
    if let Some(file) = &verb.file {
        let text = serde_json::to_string_pretty(&**plan).unwrap_or_default();
        std::fs::write(file, text + "\n").map_err(|error| {
            Problem::new(Exit::Error, format!("{} can't be written", shown(file))).because(&error)
        })?;
    }
    print_plan(screen, plan, &prospect, &place);
    if let Some(file) = &verb.file {
        screen.say(format!(
            "\nsaved as {}; carry it out with `greylag apply {0}`",
            shown(file)
        ));
    }
    Ok(past_holds(Exit::Done, verb.fail_on_held, &plan.held))
}

/// The plan, as a person reads it or as the document.
pub fn print_plan(screen: &Screen, plan: &Planned, prospect: &Prospect, place: &Workplace) {
    if screen.format != Format::Human {
        screen.document("greylag.plan/v1", plan);
        return;
    }
    let fleet = place.setup.fleet.shards.len();
    screen.result(format!(
        "{} {} ({}), {} in the fleet",
        paint(Paint::Strong, "plan for"),
        plan.project,
        plan.environment,
        count(fleet, "shard"),
    ));
    match prospect {
        Prospect::Fresh { .. } => {}
        Prospect::Continue { rollout, rest, .. } => {
            screen.result(format!(
                "unfinished rollout {rollout} goes on with the plan it has"
            ));
            if !rest.is_empty() {
                let names: Vec<_> = rest.migrations.iter().map(ToString::to_string).collect();
                screen.result(format!(
                    "pending beside it, on {}, and planned anew once it is done: {}",
                    count(rest.shards.len(), "shard"),
                    some(&names)
                ));
            }
        }
        Prospect::SettleFirst {
            rollout,
            shards,
            paused,
            ..
        } => {
            let names: Vec<_> = shards.iter().map(ToString::to_string).collect();
            let settled = (!names.is_empty())
                .then(|| format!("first it is settled what became of {}", some(&names)));
            let paused = paused.then(|| {
                "it is paused: this plan takes its place once `greylag rollout resume` has been said"
                    .to_owned()
            });
            let parts: Vec<_> = settled.into_iter().chain(paused).collect();
            screen.result(format!(
                "unfinished rollout {rollout}: files have changed; {}",
                parts.join("; ")
            ));
        }
        Prospect::Supersede { rollout, why, .. } => screen.result(format!(
            "unfinished rollout {rollout} is superseded: {why}; this plan takes its place"
        )),
    }
    if plan.stages.is_empty() {
        screen.result(match plan.held.is_empty() {
            true => paint(
                Paint::Good,
                "nothing to do: every shard has every migration",
            ),
            false => "nothing to do but what is held".to_owned(),
        });
    }
    for (at, stage) in plan.stages.iter().enumerate() {
        print_stage(screen, plan, stage, at);
    }
    for script in without_statements(plan, place) {
        screen.result(paint(Paint::Waits, does_nothing(&script)));
    }
    print_subscribers(screen, plan);
    if !plan.stages.is_empty() {
        print_waves(screen, plan);
    }
    print_held(screen, &plan.held);
    print_findings(screen, plan);
    if !plan.stages.is_empty() {
        screen.result(format!("\ndigest {}", plan.digest));
    }
}

/// What is said of a file that holds comments at most.
pub fn does_nothing(script: &str) -> String {
    format!("{script} has no statement: it is recorded as applied, and does nothing")
}

/// Planned files without any statement: fresh from `greylag new`, most likely.
pub fn without_statements(plan: &Planned, place: &Workplace) -> Vec<String> {
    let shards = &place.setup.fleet.shards;
    let Some(dialect) = shards.first().map(|shard| shard.shard.engine.dialect()) else {
        return Vec::new();
    };
    let is_blank = |planned: &&PlannedMigration| {
        let Some(file) = place.setup.migrations.get(&planned.id) else {
            return false;
        };
        // Nobody writes so many comments and nothing else.
        file.text.len() < 64 * 1024
            && script::split(dialect, file.text.clone())
                .is_ok_and(|script| script.statements.is_empty())
    };
    let blank = plan.migrations.iter().filter(is_blank);
    blank.map(|planned| planned.script.clone()).collect()
}

/// What a review of the pending files found, a line each; `greylag lint` says the rest.
fn print_findings(screen: &Screen, plan: &Planned) {
    const SHOWN: usize = 10;
    let findings: Vec<Finding> = plan
        .findings
        .iter()
        .filter_map(|value| serde_json::from_value(value.clone()).ok())
        .filter(|finding: &Finding| finding.allowed.is_none() && finding.severity > Severity::Note)
        .collect();
    if findings.is_empty() {
        return;
    }
    screen.result(format!("\n{}", paint(Paint::Waits, "findings")));
    for finding in findings.iter().take(SHOWN) {
        let color = match finding.severity {
            Severity::Error => Paint::Bad,
            Severity::Warning | Severity::Note => Paint::Waits,
        };
        screen.result(format!(
            "  {} {}:{} {} [{}]",
            paint(color, finding.severity.as_str()),
            finding.script,
            finding.start.line,
            finding.title,
            finding.rule,
        ));
    }
    let more = findings.len().saturating_sub(SHOWN);
    screen.result(match more {
        0 => "  `greylag lint` says why, and what to do instead".to_owned(),
        more => format!("  … and {more} more: `greylag lint` says why, and what to do instead"),
    });
}

/// What is held, those that are held for the same reasons together.
pub fn print_held(screen: &Screen, held: &[Held]) {
    if held.is_empty() {
        return;
    }
    screen.result(format!("\n{}", paint(Paint::Waits, "held")));
    let mut groups: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for one in held {
        let reasons: Vec<_> = one.reasons.iter().map(hold_reason).collect();
        let migration = one
            .migration
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        let shards = one.shards.iter().map(ToString::to_string);
        groups
            .entry((migration, reasons.join("; ")))
            .or_default()
            .extend(shards);
    }
    for ((migration, reasons), shards) in groups {
        let who = match (migration.is_empty(), shards.is_empty()) {
            (false, true) => migration,
            (false, false) => format!("{migration} on {}", some(&shards)),
            (true, _) => some(&shards),
        };
        screen.result(format!("  {}: {reasons}", paint(Paint::Name, who)));
    }
}

fn print_stage(screen: &Screen, plan: &Planned, stage: &Stage, at: usize) {
    let title = format!(
        "stage {} of {}: {}",
        at + 1,
        plan.stages.len(),
        stage_words(stage)
    );
    screen.result(format!("\n{}", paint(Paint::Strong, title)));
    let shards_of = |id| {
        let works = stage
            .work
            .iter()
            .filter(|work| work.migrations.contains(id));
        works.map(|work| work.shards.len()).sum::<usize>()
    };
    let widest = stage
        .migrations
        .iter()
        .filter_map(|id| plan.migration(id))
        .map(|planned| planned.script.chars().count())
        .max()
        .unwrap_or_default();
    for id in &stage.migrations {
        let planned = plan.migration(id);
        let script = planned.map_or(String::new(), |planned| planned.script.clone());
        let change = planned.and_then(|planned| planned.change.as_ref());
        let change = change
            .map(|change| format!("  change {change}"))
            .unwrap_or_default();
        screen.result(format!(
            "  {script:<widest$}  on {}{change}",
            count(shards_of(id), "shard")
        ));
    }
}

/// What runs on logical subscribers, file by file, and when.
fn print_subscribers(screen: &Screen, plan: &Planned) {
    if plan.subscribers.is_empty() {
        return;
    }
    screen.result(format!("\n{}", paint(Paint::Strong, "subscribers")));
    for one in &plan.subscribers {
        let nodes: Vec<_> = one.nodes.iter().map(ToString::to_string).collect();
        screen.result(format!("  {}", paint(Paint::Name, some(&nodes))));
        if let Some(why) = &one.unseen {
            screen.result(format!(
                "    what runs there is judged when the shard's turn comes: {why}"
            ));
        }
        let script = |share: &SubscriberShare| {
            let planned = plan.migration(&share.migration);
            planned.map_or_else(|| share.migration.to_string(), |found| found.script.clone())
        };
        let widths = one
            .migrations
            .iter()
            .map(|share| script(share).chars().count());
        let widest = widths.max().unwrap_or_default();
        for share in &one.migrations {
            let words = share_words(share);
            screen.result(format!("    {:<widest$}  {words}", script(share)));
        }
    }
}

fn share_words(share: &SubscriberShare) -> String {
    let when = match share.turn {
        Turn::Before => "before the publisher",
        Turn::After => "after the publisher, once it has applied what was written before",
        Turn::Never => "nothing: rows come by replication",
    };
    match &share.there {
        There::Applied if matches!(share.migration, MigrationId::Undo(_)) => {
            "nothing to take back there".to_owned()
        }
        There::Applied => "it has it already".to_owned(),
        There::Runs => format!("runs {when}"),
        There::Part { left } => {
            format!("runs in part {when}; left out: {}", left.join("; "))
        }
        There::Left { left } if left.is_empty() => "nothing of it runs there".to_owned(),
        There::Left { left } => format!("is left out: {}", left.join("; ")),
    }
}

fn print_waves(screen: &Screen, plan: &Planned) {
    screen.result(format!("\n{}", paint(Paint::Strong, "waves")));
    let widest = plan
        .waves
        .iter()
        .map(|wave| wave.name.chars().count())
        .max();
    for wave in &plan.waves {
        let names: Vec<String> = wave.shards.iter().map(ShardName::to_string).collect();
        let mut gates = Vec::new();
        if wave.approval {
            gates.push("after an approval".to_owned());
        }
        if wave.soak_ms > 0 {
            let soak = Duration::from_millis(wave.soak_ms);
            gates.push(format!("then soaks {}", span(soak)));
        }
        let gates = match gates.is_empty() {
            true => String::new(),
            false => format!("  ({})", gates.join(", ")),
        };
        screen.result(format!(
            "  {:width$}  {:>11}  {}{}",
            wave.name,
            count(names.len(), "shard"),
            paint(Paint::Dim, some(&names)),
            paint(Paint::Waits, gates),
            width = widest.unwrap_or_default(),
        ));
    }
    let policy = &plan.policy;
    let stops = match plan.budget {
        0 => "stops at the first failed shard".to_owned(),
        n => format!("stops past {}", count(n as usize, "failed shard")),
    };
    let windows = match policy.windows.is_empty() {
        true => String::new(),
        false => format!("; only {}", policy.windows.join(", ")),
    };
    screen.result(paint(
        Paint::Dim,
        format!(
            "  up to {} at a time, {} per host; {stops}{windows}",
            policy.max_in_flight, policy.max_per_host
        ),
    ));
}

/// A few names, and how many more.
pub fn some(names: &[String]) -> String {
    const SHOWN: usize = 6;
    if names.len() <= SHOWN + 1 {
        return names.join(", ");
    }
    format!(
        "{} and {} more",
        names[..SHOWN].join(", "),
        names.len() - SHOWN
    )
}
