//! How a replica receives and applies, and who stands in its way.

use super::{
    place::file,
    question::{Answers, Look, Topic},
    sighting::Seen,
    status::{Receiver, Status},
};
use crate::mysql::link::Answer;
use greylag_core::{
    node::{Replay, ReplayState, Upstream},
    outcome::Blocker,
    position::{Position, Reach},
};
use std::time::Duration;

/// Where a sign of life is due less often, silence means nothing for too long to be worth a figure.
const OFTEN: Duration = Duration::from_secs(30);

/// Whether a thread that applies changes waits for a lock.
pub fn waits(heard: &Answers) -> bool {
    let Some(threads) = heard.get(Topic::Threads) else {
        return false;
    };
    let row_waits = column(heard.get(Topic::RowWaits), "id");
    appliers(threads).any(|(id, state)| waits_for_lock(state) || row_waits.iter().any(|w| w == id))
}

/// Where changes come from, and how they are applied.
pub fn replication(
    seen: Seen<'_>,
    status: &Status,
    position: Option<&Position>,
    received: Option<&Position>,
) -> (Upstream, Replay) {
    let ages = Ages::of(seen.heard.get(Topic::Ages), &status.channel);
    let quiet = seen.past.hear(seen.now, &status.sign);
    let heartbeat = status.heartbeat.or(ages.heartbeat);
    // Without knowing of heartbeats, a source that has nothing to send can't be told from one that is gone.
    let silent = match (heartbeat, ages.silent, quiet) {
        (None, _, _) => None,
        (Some(_), Some(said), Some(quiet)) => Some(said.min(quiet)),
        (Some(_), said, quiet) => said.or(quiet),
    };
    let dead = heartbeat
        .zip(silent)
        .filter(|(heartbeat, silent)| *silent > *heartbeat * 3 / 2 + Duration::from_secs(1));
    let connected = status.receiver == Receiver::Running && dead.is_none();
    let error = match (status.receiver, dead) {
        (Receiver::Running, Some((heartbeat, silent))) => Some(format!(
            "nothing has come in for {:.1} s, where a sign of life is due each {:.1} s",
            silent.as_secs_f64(),
            heartbeat.as_secs_f64()
        )),
        (Receiver::Running, None) => None,
        (Receiver::Connecting, _) => Some(
            status
                .receiver_error
                .clone()
                .unwrap_or_else(|| "it connects".into()),
        ),
        (Receiver::Stopped, _) => Some(
            status
                .receiver_error
                .clone()
                .unwrap_or_else(|| "the IO thread was stopped".into()),
        ),
    };
    let progress = match (received, position) {
        (Some(received), Some(applied)) => Some((received.clone(), applied.clone())),
        _ => file(status, &status.read).zip(file(status, &status.executed)),
    };
    let mut lag = None;
    if let Some((received, applied)) = &progress {
        seen.past.receive(seen.now, received);
        lag = match applied.reaches(received) {
            Reach::Yes => connected.then_some(Duration::ZERO),
            _ => ages
                .applying
                .or_else(|| seen.past.unapplied(seen.now, applied)),
        };
    }
    let facts = seen.heard.get(Topic::Facts);
    let known_as = facts
        .and_then(|facts| facts.named(0, "id"))
        .map(str::to_owned);
    let upstream = Upstream {
        address: status.address.clone(),
        identity: status.identity.clone(),
        connected,
        error,
        failed: status.receiver == Receiver::Stopped && status.receiver_error.is_some(),
        user: status.user.clone(),
        known_as,
        heard: silent.filter(|_| heartbeat.is_some_and(|heartbeat| heartbeat <= OFTEN)),
    };
    let state = state(
        seen.flavour.look(),
        seen.heard,
        status,
        ages.error,
        seen.blockers,
    );
    (upstream, Replay::seen(state, lag, status.delay))
}

fn state(
    look: &Look,
    heard: &Answers,
    status: &Status,
    worker_error: Option<String>,
    blockers: Vec<Blocker>,
) -> ReplayState {
    if !status.applies {
        // A coordinator only says that a worker failed.
        let error = status
            .applier_error
            .as_ref()
            .map(|said| worker_error.unwrap_or(said.clone()));
        return match error {
            Some(error) => ReplayState::Stopped { error: Some(error) },
            None => ReplayState::Paused,
        };
    }
    if !blockers.is_empty() {
        return ReplayState::Blocked { by: blockers };
    }
    // The state that the status shows is the coordinator's; which worker waits, and for whom, only the threads tell.
    let threads = heard
        .get(Topic::Threads)
        .filter(|threads| appliers(threads).next().is_some());
    let states = threads
        .into_iter()
        .flat_map(appliers)
        .map(|(_, state)| state);
    let said = std::iter::once(status.state.as_str())
        .chain(states)
        .find(|state| waits_for_lock(state));
    match (said, threads) {
        (Some(said), threads) if threads.is_none() || !look.sees_all_holders => {
            ReplayState::Blocked {
                by: vec![unseen_holder(said)],
            }
        }
        (None, None) => ReplayState::Unknown,
        // Where holders are seen and there is none, the lock has just been let go.
        _ => ReplayState::Running,
    }
}

fn unseen_holder(said: &str) -> Blocker {
    Blocker {
        pid: "?".into(),
        user: None,
        application: None,
        query: None,
        open_ms: None,
        holds: Some(format!(
            "who it is can't be seen; the applier says `{said}`"
        )),
    }
}

/// Figures of the performance schema about one source.
#[derive(Debug, Default)]
struct Ages {
    silent: Option<Duration>,
    heartbeat: Option<Duration>,
    applying: Option<Duration>,
    error: Option<String>,
}

impl Ages {
    fn of(answer: Option<&Answer>, channel: &str) -> Ages {
        let Some(answer) = answer else {
            return Ages::default();
        };
        let found = (0..answer.rows.len())
            .find(|row| answer.named(*row, "channel").unwrap_or_default() == channel);
        let Some(row) = found else {
            return Ages::default();
        };
        let number = |name| {
            answer
                .named(row, name)
                .and_then(|text| text.parse::<f64>().ok())
        };
        let micros = |name| {
            let micros = number(name).filter(|micros| *micros >= 0.0)?;
            Duration::try_from_secs_f64(micros / 1e6).ok()
        };
        Ages {
            silent: micros("silent_us"),
            heartbeat: number("heartbeat_s")
                .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
                .filter(|heartbeat| !heartbeat.is_zero()),
            applying: micros("applying_us").filter(|applying| !applying.is_zero()),
            error: answer.named(row, "error").map(str::to_owned),
        }
    }
}

fn appliers(threads: &Answer) -> impl Iterator<Item = (&str, &str)> {
    let text = |row, name| threads.named(row, name).unwrap_or_default();
    (0..threads.rows.len())
        .filter(move |row| text(*row, "kind") == "applier")
        .map(move |row| (text(row, "id"), text(row, "state")))
}

fn waits_for_lock(state: &str) -> bool {
    state.starts_with("Waiting for ") && state.ends_with(" lock")
}

fn column(answer: Option<&Answer>, name: &str) -> Vec<String> {
    let Some(answer) = answer else {
        return Vec::new();
    };
    let value = |row| answer.named(row, name).map(str::to_owned);
    (0..answer.rows.len()).filter_map(value).collect()
}
