//! Answers, in the words that every engine shares.

use super::{
    past::Past,
    question::{self, Answers, Look, Refusal, Topic},
    status::{self, Receiver, Status},
};
use crate::mysql::{blockers, flavour::Flavour, link::Answer};
use greylag_core::{
    node::{
        Child, Delay, Load, NodeSighting, Oldest, Replay, ReplayState, SeenRole, Unobservable,
        Upstream,
    },
    outcome::Blocker,
    position::{Position, Reach},
    survey::{Server, ShardIdentity},
};
use jiff::Timestamp;
use std::time::{Duration, Instant};

/// Where a sign of life is due less often, silence means nothing for too long to be worth a figure.
const OFTEN: Duration = Duration::from_secs(30);

/// All that one look has to go by.
pub struct Seen<'a> {
    pub at: Timestamp,
    pub now: Instant,
    pub flavour: &'static dyn Flavour,
    pub version: String,
    pub account: String,
    pub database: &'a str,
    pub dialled: String,
    pub heard: &'a Answers,
    pub refusals: &'a [Refusal],
    /// Who holds what an applier waits for, where one waits.
    pub blockers: Vec<Blocker>,
    pub shard: Option<ShardIdentity>,
    pub past: &'a mut Past,
}

/// Whether a thread that applies changes waits for a lock.
pub fn applier_waits(heard: &Answers) -> bool {
    let Some(threads) = heard.get(Topic::Threads) else {
        return false;
    };
    let row_waits = column(heard.get(Topic::RowWaits), "id");
    appliers(threads).any(|(id, state)| waits_for_lock(state) || row_waits.iter().any(|w| w == id))
}

pub fn build(seen: Seen<'_>) -> NodeSighting {
    let heard = seen.heard;
    let facts = heard.get(Topic::Facts);
    let fact = |name: &str| {
        facts
            .and_then(|facts| facts.named(0, name))
            .unwrap_or_default()
    };
    let replica = heard.get(Topic::Replica);
    let status = replica.and_then(|answer| status::read(answer, &seen.flavour.look().status));
    let hinted = heard
        .get(Topic::Hint)
        .and_then(|hint| hint.named(0, "hint"))
        == Some("1");
    let role = match (status.is_some() || hinted, fact("read_only") == "1") {
        (true, _) => SeenRole::Replica,
        (false, true) => SeenRole::ReadOnly,
        (false, false) => SeenRole::Primary,
    };
    let position = position(&seen, role, status.as_ref());
    let received = status.as_ref().and_then(|s| received(s, position.as_ref()));
    let written_here = match (role, &position) {
        (SeenRole::Replica, Some(position)) => {
            written_here(position, fact("written").parse().ok().as_ref(), fact("id"))
        }
        _ => None,
    };
    let load = load(&seen);
    let unobservable = unobservable(&seen);
    let children = children(&seen);
    let oldest = oldest(heard.get(Topic::Oldest));
    let server = Server {
        engine: seen.flavour.engine(),
        version: seen.version.clone(),
        lineage: fact("lineage").to_owned(),
        database: seen.database.to_owned(),
        address: fact("address").to_owned(),
        dialled: seen.dialled.clone(),
    };
    let own = fact("own").to_owned();
    let (at, shard) = (seen.at, seen.shard.clone());
    let (upstream, replay) = match (&status, role) {
        (Some(status), _) => {
            let (upstream, replay) =
                replication(seen, status, position.as_ref(), received.as_ref());
            (Some(upstream), Some(replay))
        }
        (None, SeenRole::Replica) => (
            None,
            Some(Replay {
                state: ReplayState::Unknown,
                lag: None,
                delay: None,
            }),
        ),
        _ => (None, None),
    };
    NodeSighting {
        at,
        server,
        own,
        role,
        shard,
        position,
        received,
        written_here,
        upstream,
        replay,
        children,
        slots: Vec::new(),
        subscriptions: Vec::new(),
        conflicts: None,
        load: Some(load),
        oldest,
        // No query is ever cancelled for the applier.
        patience: (role == SeenRole::Replica).then_some(Delay::ForEver),
        unobservable,
    }
}

/// What a primary has written, or a replica has replayed.
fn position(seen: &Seen<'_>, role: SeenRole, status: Option<&Status>) -> Option<Position> {
    let facts = seen.heard.get(Topic::Facts)?;
    let fact = |name| facts.named(0, name).unwrap_or_default();
    let replica = role == SeenRole::Replica;
    if fact("gtids") == "1" {
        return fact(if replica { "replayed" } else { "written" })
            .parse()
            .ok();
    }
    if replica {
        return status.and_then(|s| file(s, &s.executed));
    }
    let log = seen.heard.get(Topic::Log)?;
    Some(Position::File {
        server: fact("id").to_owned(),
        log: log.named(0, "File")?.to_owned(),
        offset: log.named(0, "Position")?.parse().ok()?,
    })
}

/// A place in the source's own log.
fn file(status: &Status, place: &Option<(String, u64)>) -> Option<Position> {
    let (log, offset) = place.clone()?;
    Some(Position::File {
        server: status.identity.clone()?,
        log,
        offset,
    })
}

/// What has come in, with what was there before the relay log began.
fn received(status: &Status, position: Option<&Position>) -> Option<Position> {
    match position? {
        Position::Gtid(executed) => format!("gtid:{executed},{}", status.received).parse().ok(),
        Position::Domains(applied) if !status.received.is_empty() => {
            let Position::Domains(mut received) = Position::parse_domains(&status.received)? else {
                return None;
            };
            for (domain, place) in applied {
                let here = received.entry(*domain).or_insert(*place);
                if here.sequence < place.sequence {
                    *here = *place;
                }
            }
            Some(Position::Domains(received))
        }
        Position::Domains(_) | Position::Wal { .. } => None,
        Position::File { .. } => file(status, &status.read),
    }
}

/// What the replica's own id stands before, and did not come from upstream.
fn written_here(replayed: &Position, written: Option<&Position>, id: &str) -> Option<Position> {
    match (replayed, written) {
        (Position::Gtid(executed), _) => {
            let own = executed.of(id.parse().ok()?);
            (!own.is_empty()).then_some(Position::Gtid(own))
        }
        (Position::Domains(replayed), Some(Position::Domains(written))) => {
            let beyond = |domain, sequence| {
                replayed
                    .get(domain)
                    .is_none_or(|place| place.sequence < sequence)
            };
            let own: std::collections::BTreeMap<_, _> = written
                .iter()
                .filter(|(_, place)| place.server.to_string() == id)
                .filter(|(domain, place)| beyond(domain, place.sequence))
                .map(|(domain, place)| (*domain, *place))
                .collect();
            (!own.is_empty()).then_some(Position::Domains(own))
        }
        _ => None,
    }
}

/// Where changes come from, and how they are applied.
fn replication(
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
        known_as,
        heard: silent.filter(|_| heartbeat.is_some_and(|heartbeat| heartbeat <= OFTEN)),
    };
    let replay = Replay {
        state: state(
            seen.flavour.look(),
            seen.heard,
            status,
            ages.error,
            seen.blockers,
        ),
        lag,
        delay: status.delay,
    };
    (upstream, replay)
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

/// Replicas that have made themselves known, and others that read the binary log.
fn children(seen: &Seen<'_>) -> Vec<Child> {
    let [identity, host, port] = seen.flavour.look().child;
    let known = seen.heard.get(Topic::Children);
    let dumps = dumps(seen.heard.get(Topic::Threads));
    let mut children: Vec<Child> = Vec::new();
    for row in 0..known.map_or(0, |known| known.rows.len()) {
        let text = |name| known.and_then(|k| k.named(row, name)).unwrap_or_default();
        let dump = dumps
            .iter()
            .find(|dump| dump.identity == Some(text(identity)));
        // One of each: they belong together.
        let dump = dump.or(dumps.first().filter(|_| dumps.len() == 1));
        let address = match (text(host), dump) {
            ("", Some(dump)) => Some(format!("{}:{}", dump.host, text(port))),
            ("", None) => None,
            (host, _) => Some(format!("{host}:{}", text(port))),
        };
        children.push(child(text(identity), address, dump.map(|d| d.state), false));
    }
    for dump in &dumps {
        let named = children
            .iter()
            .any(|child| Some(child.name.as_str()) == dump.identity);
        let counted =
            dump.identity.is_none() && known.is_some_and(|known| known.rows.len() >= dumps.len());
        if named || counted {
            continue;
        }
        let name = dump
            .identity
            .map_or(format!("{}@{}", dump.user, dump.host), str::to_owned);
        // Replicas say who they are, where that can be seen; other readers of the log don't.
        let reader =
            dump.identity.is_none() && (known.is_some() || seen.flavour.look().log.is_some());
        children.push(child(
            &name,
            Some(dump.host.to_owned()),
            Some(dump.state),
            reader,
        ));
    }
    children
}

fn child(name: &str, address: Option<String>, state: Option<&str>, logical: bool) -> Child {
    Child {
        name: name.to_owned(),
        address,
        state: state.map(str::to_owned),
        sent: None,
        flushed: None,
        replayed: None,
        lag: None,
        logical,
    }
}

struct Dump<'a> {
    user: &'a str,
    host: &'a str,
    state: &'a str,
    identity: Option<&'a str>,
}

fn dumps(threads: Option<&Answer>) -> Vec<Dump<'_>> {
    let Some(threads) = threads else {
        return Vec::new();
    };
    let text = |row, name| threads.named(row, name).unwrap_or_default();
    (0..threads.rows.len())
        .filter(|row| text(*row, "kind") == "dump")
        .map(|row| Dump {
            user: text(row, "user"),
            // The list of processes shows the port that it came from, which is nobody's address.
            host: text(row, "host")
                .rsplit_once(':')
                .map_or(text(row, "host"), |(host, _)| host),
            state: text(row, "state"),
            identity: threads.named(row, "identity"),
        })
        .collect()
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

fn oldest(answer: Option<&Answer>) -> Option<Oldest> {
    let who = answer?.rows.first().and_then(blockers::read)?;
    let age = Duration::from_millis(who.open_ms.unwrap_or(0));
    Some(Oldest { who, age })
}

/// In full where the list of threads may be seen; else by the counters that everybody may read.
fn load(seen: &Seen<'_>) -> Load {
    let number = |topic, name| -> Option<u32> {
        let answer: &Answer = seen.heard.get(topic)?;
        answer
            .named(0, name)?
            .parse::<f64>()
            .ok()
            .map(|number| number as u32)
    };
    let waits = seen
        .heard
        .get(Topic::RowWaits)
        .map(|answer| answer.rows.len() as u32);
    let waits = waits.or(number(Topic::Facts, "row_waits")).unwrap_or(0);
    let running = number(Topic::Facts, "running").unwrap_or(0);
    Load {
        active: number(Topic::Load, "active").unwrap_or(running.saturating_sub(1)),
        lock_waiters: number(Topic::Load, "waiting").unwrap_or(0) + waits,
    }
}

fn unobservable(seen: &Seen<'_>) -> Vec<Unobservable> {
    let grantee = super::super::diagnose::grantee(&seen.account);
    let mut unseen: Vec<Unobservable> = question::by_grant(seen.refusals)
        .into_iter()
        .map(|(what, grant)| Unobservable {
            what,
            mend: format!("GRANT {grant} TO {grantee}"),
        })
        .collect();
    let facts = seen.heard.get(Topic::Facts);
    if facts.and_then(|facts| facts.named(0, "instruments")) == Some("0") {
        unseen.push(Unobservable {
            what: "who blocks replay, and how old what it applies is".into(),
            mend: "start the server with performance_schema = ON".into(),
        });
    }
    unseen
}
