//! Reasons, holds and times in words.

use super::{node_words::node_reason, tell::count};
use greylag_core::{fleet::ShardName, gate::WaitReason, outcome::Blocker, plan::HoldReason};
use jiff::{Timestamp, tz::TimeZone};
use std::time::Duration;

/// Why something waits, with the figure, the limit and who is to blame.
pub fn wait_reason(reason: &WaitReason) -> String {
    match reason {
        WaitReason::Approval { digest } => {
            format!("for an approval of {}", short_digest(digest))
        }
        WaitReason::Soak { until } => format!("soaking until {}", clock(*until)),
        WaitReason::Window { opens: Some(at) } => {
            format!("outside every window; the next opens at {}", clock(*at))
        }
        WaitReason::Window { opens: None } => "outside every window, and none opens again".into(),
        WaitReason::Check { name, answer, .. } => format!("check `{name}` says: {answer}"),
        WaitReason::Paused { by, reason: None } => format!("paused by {by}"),
        WaitReason::Paused {
            by,
            reason: Some(reason),
        } => format!("paused by {by}: {reason}"),
        WaitReason::ShardLock { holder } => {
            format!("the shard's lock is held by {}", blocker(holder))
        }
        WaitReason::Lock {
            blockers,
            attempt,
            deadline,
        } => {
            let who = match &blockers[..] {
                [] => "somebody the server doesn't name".to_owned(),
                [first] => blocker(first),
                [first, rest @ ..] => format!("{} and {} more", blocker(first), rest.len()),
            };
            format!(
                "locked out by {who} (try {attempt}, until {})",
                clock(*deadline)
            )
        }
        WaitReason::Subscriber { node, waits } => {
            format!("on subscriber {node}: {}", wait_reason(waits))
        }
        WaitReason::Retry { attempt, at, error } => {
            format!("try {attempt} failed ({error}); again at {}", clock(*at))
        }
        WaitReason::InFlight { limit } => format!("{limit} shards are in flight (max-in-flight)"),
        WaitReason::Host { host, limit } => {
            format!("{limit} shards of host {host} are in flight (max-per-host)")
        }
        WaitReason::Sisters { database } => {
            format!(
                "another schema of {database} is at a statement that no transaction may be beside"
            )
        }
        WaitReason::Failed {
            shards,
            count: n,
            budget,
        } => format!(
            "{} failed ({}), and {} tolerated (failure-budget)",
            count(*n as usize, "shard"),
            named(shards, *n),
            match budget {
                0 => "none is".to_owned(),
                1 => "1 is".to_owned(),
                n => format!("{n} are"),
            }
        ),
        WaitReason::Unsettled { shards, count: n } => format!(
            "nobody knows what became of {} ({})",
            count(*n as usize, "shard"),
            named(shards, *n)
        ),
        WaitReason::Wave { name, pending } => format!(
            "the wave `{name}` comes first: {} of it to be done, left out by --only",
            count(*pending as usize, "shard"),
        ),
        WaitReason::NextPlan {
            digest,
            migrations,
            shards,
            count: n,
        } => {
            let ids: Vec<_> = migrations.iter().map(ToString::to_string).collect();
            let ids = match &ids[..] {
                [first, .., last] if ids.len() > 3 => {
                    format!("{first} … {last} ({} migrations)", ids.len())
                }
                few => few.join(", "),
            };
            let plan = match digest {
                Some(digest) => format!(
                    "the plan for it ({}) is not agreed to yet",
                    short_digest(digest)
                ),
                None => "it is not planned yet".to_owned(),
            };
            format!(
                "{ids} pending beside it on {} ({}): {plan}",
                count(*n as usize, "shard"),
                named(shards, *n),
            )
        }
        WaitReason::Stopped { why } => format!("stopped: {why}"),
        WaitReason::Aborted { by, reason: None } => format!("aborted by {by}"),
        WaitReason::Aborted {
            by,
            reason: Some(reason),
        } => format!("aborted by {by}: {reason}"),
        // One by one, so that a new reason can't be without words.
        WaitReason::ReplicaLag { .. }
        | WaitReason::ReplicaUnseen { .. }
        | WaitReason::ReplicaTrouble { .. }
        | WaitReason::NoPrimary { .. }
        | WaitReason::PrimaryDisputed { .. }
        | WaitReason::NoReplicas { .. }
        | WaitReason::TooFewReplicas { .. }
        | WaitReason::Replay { .. }
        | WaitReason::NotReplayed { .. }
        | WaitReason::StandbyQueries { .. }
        | WaitReason::Slot { .. }
        | WaitReason::Load { .. } => node_reason(reason),
    }
}

/// The first few names, and how many more.
fn named(shards: &[ShardName], all: u32) -> String {
    let names: Vec<_> = shards.iter().map(ShardName::to_string).collect();
    match (all as usize).saturating_sub(names.len()) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

/// Who stands in the way.
pub fn blocker(blocker: &Blocker) -> String {
    let mut text = format!("pid {}", blocker.pid);
    let mut more = Vec::new();
    if let Some(application) = blocker.application.as_deref().filter(|a| !a.is_empty()) {
        more.push(application.to_owned());
    }
    if let Some(user) = &blocker.user {
        more.push(format!("user {user}"));
    }
    if let Some(open) = blocker.open_ms {
        more.push(format!("open for {}", span(Duration::from_millis(open))));
    }
    if let Some(holds) = &blocker.holds {
        more.push(format!("holds {holds}"));
    }
    if !more.is_empty() {
        text.push_str(&format!(" ({})", more.join(", ")));
    }
    if let Some(query) = &blocker.query {
        let query: String = query.split_whitespace().collect::<Vec<_>>().join(" ");
        let short: String = query.chars().take(60).collect();
        let dots = if short.len() < query.len() { "…" } else { "" };
        text.push_str(&format!(": {short}{dots}"));
    }
    text
}

/// Why a migration or a shard stays where it is, and what would change that.
pub fn hold_reason(reason: &HoldReason) -> String {
    match reason {
        HoldReason::NotSupportedYet { phase } => {
            let phase = serde_json::to_value(phase).unwrap_or_default();
            let phase = phase.as_str().unwrap_or("this").to_owned();
            format!("this version of greylag does not run {phase} migrations yet")
        }
        HoldReason::BehindHeld { held } => {
            format!(
                "it is behind {held}, which is held; tag it with a change (`-- greylag:change NAME`) to let it pass"
            )
        }
        HoldReason::OutOfOrder { highest } => {
            format!(
                "it is below V{highest}, which is applied already; `out-of-order = true` in [rollout] lets it in"
            )
        }
        HoldReason::FailedBefore { migration } => {
            format!(
                "{migration} failed before and is still in its history; mend what it left, then `greylag repair {migration} --reason …`"
            )
        }
        HoldReason::MissingOnDisk { migration } => {
            format!(
                "{migration} is applied there, and its file is gone; put it back, or `greylag repair {migration} --reason …` takes it back"
            )
        }
        HoldReason::Unreachable { why } => format!("it can't be reached: {why}"),
        HoldReason::Refused { refusal } => refusal.to_string(),
        HoldReason::OutOfScope => "it is left out by --only".into(),
        HoldReason::OvertakesOnFlywayTable { held } => {
            format!(
                "it would overtake {held}, which Flyway's own table allows only with `out-of-order = true` in [rollout]"
            )
        }
        HoldReason::Lint { rules } => format!(
            "the lint finds errors in it ({}); `greylag lint` shows them, `-- greylag:allow RULE because REASON` lets one pass",
            rules.join(", ")
        ),
        HoldReason::Subscriber { .. } => format!("refused {reason}"),
        HoldReason::BeyondTarget { to } => format!("it is above V{to} (--to)"),
    }
}

/// `sha256:` and the first digits.
pub fn short_digest(digest: &str) -> String {
    let (kind, hex) = digest.split_once(':').unwrap_or(("", digest));
    let short: String = hex.chars().take(12).collect();
    if kind.is_empty() {
        short
    } else {
        format!("{kind}:{short}")
    }
}

/// The time of day, with the date where it isn't today's.
pub fn clock(at: Timestamp) -> String {
    let zone = TimeZone::system();
    let at = at.to_zoned(zone.clone());
    let today = Timestamp::now().to_zoned(zone).date();
    if at.date() == today {
        at.strftime("%H:%M:%S").to_string()
    } else {
        at.strftime("%Y-%m-%d %H:%M:%S").to_string()
    }
}

/// How long: `850 ms`, `3.2 s`, `4:05`, `2 h 05 min`.
pub fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{} ms", time.as_millis()),
        1..=9 => format!("{:.1} s", time.as_secs_f64()),
        10..=59 => format!("{seconds} s"),
        60..=3599 => format!("{}:{:02} min", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}
