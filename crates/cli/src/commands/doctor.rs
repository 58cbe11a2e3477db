//! `greylag doctor`: what stands in the way, and what mends it.

use crate::{
    arguments::Global,
    output::{Paint, Screen, count, paint},
    problem::Problem,
    view,
    workplace::{self, Journal},
};
use clap::Args;
use greylag_engines::{Diagnosis, Level};
use greylag_orchestrator::{
    Exit,
    doctor::{ShardDiagnosis, diagnose_fleet},
};
use serde_json::json;

/// Connects everywhere, and checks privileges, poolers and settings
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  greylag doctor
  greylag doctor -v                          what is well, too
  greylag doctor --output json

Ends with 5 where something must be mended.")]
pub struct Doctor {}

pub async fn run(_: &Doctor, global: &Global, screen: &Screen) -> Result<Exit, Problem> {
    let place = workplace::open(global, screen, Journal::Look).await?;
    let looking = view::open_for_looking(screen, place.folder());
    let found = diagnose_fleet(&place.setup, &*looking).await;
    looking.close();
    let at = |level| {
        let lines = found.iter().flat_map(ShardDiagnosis::all_lines);
        lines.filter(|line| line.level == level).count()
    };
    let (problems, warnings) = (at(Level::Problem), at(Level::Warning));
    if !screen.human() {
        screen.document(
            "greylag.doctor/v1",
            &json!({
                "problems": problems,
                "warnings": warnings,
                "shards": found,
            }),
        );
    } else {
        for shard in &found {
            tell(screen, shard.shard.as_str(), &shard.address, &shard.lines);
            for node in &shard.nodes {
                let address = node.address.as_deref().unwrap_or_default();
                tell(screen, &node.node.to_string(), address, &node.lines);
            }
        }
        screen.result(match (problems, warnings) {
            (0, 0) => format!(
                "{} {} in good health",
                paint(Paint::Good, "✓"),
                count(found.len(), "shard")
            ),
            _ => format!(
                "{}, {} on {}",
                count(problems, "problem"),
                count(warnings, "warning"),
                count(found.len(), "shard")
            ),
        });
    }
    Ok(if problems > 0 {
        Exit::Problems
    } else {
        Exit::Done
    })
}

/// What is to be said of a shard or a node; nothing where all is well, unless that is asked for.
fn tell(screen: &Screen, name: &str, address: &str, lines: &[Diagnosis]) {
    let said: Vec<_> = lines
        .iter()
        .filter(|line| screen.verbose || line.level != Level::Good)
        .collect();
    if said.is_empty() {
        return;
    }
    screen.result(format!("{} ({address})", paint(Paint::Strong, name)));
    for line in said {
        let mark = match line.level {
            Level::Good => paint(Paint::Good, "✓"),
            Level::Warning => paint(Paint::Waits, "!"),
            Level::Problem => paint(Paint::Bad, "✗"),
        };
        screen.result(format!("  {mark} {}", line.what));
        if let Some(mend) = &line.mend {
            screen.result(format!("      {}", paint(Paint::Name, mend)));
        }
    }
}
