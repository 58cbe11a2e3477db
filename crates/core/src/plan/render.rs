//! A plan as a person reads it.

use super::{
    error::listed,
    held::Held,
    parts::{Plan, Stage, StageKind, Wave, Work},
};
use crate::migration::MigrationId;
use std::{fmt::Write as _, time::Duration};

/// A page of plain text; ends with a line break.
pub fn render(plan: &Plan) -> String {
    let mut page = String::new();
    let _ = head(&mut page, plan);
    for (at, stage) in plan.stages.iter().enumerate() {
        let _ = self::stage(&mut page, plan, at, stage);
    }
    if !plan.is_empty() {
        let _ = waves(&mut page, plan);
    }
    if !plan.held.is_empty() {
        let _ = held(&mut page, &plan.held);
    }
    page
}

type Written = std::fmt::Result;

fn head(page: &mut String, plan: &Plan) -> Written {
    let place = match plan.environment.as_str() {
        "" => plan.project.clone(),
        environment => format!("{} ({environment})", plan.project),
    };
    if plan.is_empty() {
        return writeln!(page, "{place}: nothing to do");
    }
    writeln!(
        page,
        "{place}: {} on {}, in {} and {}",
        counted(plan.migrations.len(), "migration"),
        counted(plan.shards.len(), "shard"),
        counted(plan.stages.len(), "stage"),
        counted(plan.waves.len(), "wave"),
    )?;
    writeln!(page, "digest {}", plan.digest)
}

fn stage(page: &mut String, plan: &Plan, at: usize, stage: &Stage) -> Written {
    let kind = match stage.kind {
        StageKind::Newcomers => "new shards catch up",
        StageKind::Versioned => stage.phase.as_str(),
        StageKind::Repeatable => "repeatables",
        StageKind::Undo => "undo",
    };
    writeln!(page, "\nstage {}: {kind}", at + 1)?;
    let width = stage.migrations.iter().map(|id| short(id).len()).max();
    for id in &stage.migrations {
        let planned = plan.migration(id);
        let description = planned.map_or("", |planned| planned.description.as_str());
        let change = planned.and_then(|planned| planned.change.as_ref());
        let mut line = format!(
            "  {:width$}  {description}",
            short(id),
            width = width.unwrap_or(0)
        );
        if let Some(change) = change {
            let _ = write!(line, "  (change {change})");
        }
        writeln!(page, "{}", line.trim_end())?;
    }
    match stage.work.as_slice() {
        [all] if all.migrations.len() == stage.migrations.len() => {
            writeln!(page, "  on {}", shards_of(all, plan))
        }
        several => several.iter().try_for_each(|work| {
            let ids = work.migrations.iter().map(short).collect::<Vec<_>>();
            writeln!(page, "  {} on {}", ids.join(" "), shards_of(work, plan))
        }),
    }
}

fn shards_of(work: &Work, plan: &Plan) -> String {
    if work.shards.len() == plan.shards.len() {
        return match work.shards.len() {
            1 => format!("the one shard, {}", work.shards[0]),
            count => format!("all {count} shards"),
        };
    }
    format!(
        "{}: {}",
        counted(work.shards.len(), "shard"),
        listed(&work.shards)
    )
}

fn waves(page: &mut String, plan: &Plan) -> Written {
    writeln!(page, "\nwaves")?;
    let width = plan
        .waves
        .iter()
        .map(|wave| wave.name.chars().count())
        .max();
    for (at, wave) in plan.waves.iter().enumerate() {
        writeln!(
            page,
            "  {} {:width$}  {}: {}{}",
            at + 1,
            wave.name,
            counted(wave.shards.len(), "shard"),
            listed(&wave.shards),
            gates(wave),
            width = width.unwrap_or(0)
        )?;
    }
    writeln!(
        page,
        "  {} in flight, {} on a host; {}",
        plan.policy.max_in_flight,
        plan.policy.max_per_host,
        match plan.budget {
            0 => "stops at the first failure".to_owned(),
            budget => format!(
                "stops when more than {} failed",
                counted(budget as usize, "shard")
            ),
        }
    )?;
    online(page, plan)
}

/// Only where something was chosen: what is usual needs no words in each plan.
fn online(page: &mut String, plan: &Plan) -> Written {
    let policy = &plan.policy.online;
    if policy.is_usual() {
        return Ok(());
    }
    write!(page, "  changes of tables: {}", policy.ddl.as_str())?;
    for (engine, ddl) in &policy.engines {
        write!(page, ", {} on {}", ddl.as_str(), engine.title())?;
    }
    for (shard, ddl) in &policy.shards {
        write!(page, ", {} on {shard}", ddl.as_str())?;
    }
    writeln!(
        page,
        "; in place up to {} with replicas, copied up to {}",
        bytes(policy.inplace_up_to),
        bytes(policy.copy_up_to)
    )
}

/// As people write sizes: the largest unit that says it exactly.
fn bytes(bytes: u64) -> String {
    let units = [(40, "TB"), (30, "GB"), (20, "MB"), (10, "KB")];
    let fits = |power: u32| bytes > 0 && bytes.trailing_zeros() >= power;
    match units.iter().find(|(power, _)| fits(*power)) {
        Some((power, unit)) => format!("{} {unit}", bytes >> power),
        None => format!("{bytes} bytes"),
    }
}

fn gates(wave: &Wave) -> String {
    let mut text = String::new();
    if wave.approval {
        text += "; needs an approval";
    }
    if wave.soak_ms > 0 {
        let _ = write!(
            text,
            "; soaks for {}",
            span(Duration::from_millis(wave.soak_ms))
        );
    }
    text
}

fn held(page: &mut String, held: &[Held]) -> Written {
    writeln!(page, "\nheld")?;
    for one in held {
        let what = match (&one.migration, one.shards.as_slice()) {
            (Some(id), []) => short(id),
            (Some(id), shards) => format!("{} on {}", short(id), listed(shards)),
            (None, [shard]) => format!("shard {shard}"),
            (None, shards) => format!("{} shards ({})", shards.len(), listed(shards)),
        };
        for (at, reason) in one.reasons.iter().enumerate() {
            if at == 0 {
                writeln!(page, "  {what}: {reason}")?;
            } else {
                writeln!(page, "    and {reason}")?;
            }
        }
    }
    Ok(())
}

fn short(id: &MigrationId) -> String {
    id.to_string()
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 {
        format!("1 {what}")
    } else {
        format!("{count} {what}s")
    }
}

/// As people write durations: the largest units that say it exactly.
fn span(duration: Duration) -> String {
    let millis = duration.as_millis();
    let units: [(u128, &str); 5] = [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "m"),
        (1_000, "s"),
        (1, "ms"),
    ];
    let fits = units
        .iter()
        .find(|(size, _)| millis > 0 && millis.is_multiple_of(*size));
    fits.map_or_else(
        || "0s".to_owned(),
        |(size, unit)| format!("{}{unit}", millis / size),
    )
}
