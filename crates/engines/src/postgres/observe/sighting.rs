//! From what a server answers to what was seen: what an answer does not say stays unsaid, and never becomes a zero.

use std::time::Duration;

use greylag_core::{
    engine::Engine,
    node::{
        Child, Conflicts, Delay, Load, NodeSighting, Oldest, Replay, ReplayState, SeenRole, Slot,
        Subscription, Unobservable, Upstream,
    },
    position::Position,
    survey::Server,
};
use jiff::Timestamp;

use super::{
    super::{facts, place::end_of_record, quote::ident},
    answer::{Lsn, Receiver, Seen, Sender, SlotSeen, SubscriptionSeen},
};
use crate::target::Target;

/// Makes a sighting of an answer.
pub fn sight(seen: Seen, target: &Target, version: &str, at: Timestamp) -> NodeSighting {
    let stream = Stream::of(&seen);
    let address = match &seen.host {
        Some(host) => format!("{host}:{}", seen.port.unwrap_or_default()),
        None => target.address(),
    };
    let here = match seen.standby {
        true => seen.received,
        false => seen.written,
    };
    NodeSighting {
        at,
        server: Server {
            engine: Engine::Postgres,
            version: version.to_owned(),
            lineage: seen.system.clone().unwrap_or_default(),
            database: facts::database(
                &seen.database,
                &seen.catalog,
                seen.schema.as_deref().unwrap_or(""),
            ),
            address: address.clone(),
            dialled: target.address(),
            instance: seen.started.clone(),
        },
        own: address,
        role: match (seen.standby, seen.read_only) {
            (true, _) => SeenRole::Replica,
            (false, true) => SeenRole::ReadOnly,
            (false, false) => SeenRole::Primary,
        },
        position: stream.place(if seen.standby {
            seen.replayed
        } else {
            seen.written
        }),
        received: stream.place(seen.received),
        // A standby writes nothing of its own.
        written_here: None,
        shard: seen.shard.clone(),
        upstream: (seen.standby && seen.sees_stats).then(|| upstream(&seen)),
        replay: seen.standby.then(|| replay(&seen)),
        children: seen
            .children
            .iter()
            .flatten()
            .map(|sender| child(sender, &stream, here))
            .collect(),
        // Names are for everybody; only addresses need a privilege.
        children_unseen: None,
        slots: seen
            .slots
            .iter()
            .flatten()
            .map(|seen| slot(seen, &stream))
            .collect(),
        subscriptions: seen
            .subscriptions
            .iter()
            .flatten()
            .map(|found| subscription(found, seen.counting))
            .collect(),
        conflicts: seen.conflicts.as_ref().map(|counts| Conflicts {
            since: seen.conflicts_reset.or(seen.counting),
            cancelled: counts
                .iter()
                .filter_map(|(name, count)| {
                    Some((name.strip_prefix("confl_")?.to_owned(), count.as_u64()?))
                })
                .collect(),
        }),
        load: Some(load(&seen)),
        oldest: seen.oldest.clone().map(|who| Oldest {
            age: Duration::from_millis(who.open_ms.unwrap_or(0)),
            who,
        }),
        patience: seen.patience.map(|patience| match seconds(patience) {
            Some(patience) => Delay::For(patience),
            None => Delay::ForEver,
        }),
        unobservable: unobservable(&seen),
    }
}

/// Which log an answer's places are in.
struct Stream {
    system: Option<String>,
    timeline: Option<u32>,
}

impl Stream {
    /// A primary writes to its timeline's file. A standby is on the newest timeline that it got anything of: the control file
    /// lags behind, and the receiver may be gone.
    fn of(seen: &Seen) -> Self {
        let file = seen
            .file
            .as_deref()
            .and_then(|file| u32::from_str_radix(file.get(..8)?, 16).ok());
        let receiver = seen
            .receiver
            .as_ref()
            .and_then(|receiver| receiver.timeline);
        Self {
            system: seen.system.clone(),
            timeline: match seen.standby {
                true => seen.control.max(receiver),
                false => file.or(seen.control),
            },
        }
    }

    fn place(&self, lsn: Option<Lsn>) -> Option<Position> {
        Some(Position::Wal {
            system: self.system.clone()?,
            timeline: self.timeline?,
            lsn: end_of_record(lsn?.0),
        })
    }
}

fn upstream(seen: &Seen) -> Upstream {
    let receiver = seen.receiver.as_ref();
    let (host, port) = seen.configured.clone().unwrap_or_default();
    let join = |host: Option<String>, port: Option<String>| {
        Some(format!("{}:{}", host?, port.as_deref().unwrap_or("5432")))
    };
    let now =
        receiver.and_then(|now| join(now.host.clone(), now.port.map(|port| port.to_string())));
    Upstream {
        address: match seen.archive {
            true => Some("an archive".to_owned()),
            false => now.or_else(|| join(host, port)),
        },
        identity: None,
        connected: seen.archive || receiver.is_some_and(is_streaming),
        error: cut_off(seen),
        failed: false,
        user: None,
        known_as: receiver.and_then(|receiver| receiver.name.clone()),
        heard: receiver
            .and_then(|receiver| receiver.heard)
            .map(|heard| seconds(heard).unwrap_or_default()),
    }
}

/// What its receiver said last stands in the server's log alone; that there is none, and whom it should be at, can be told.
fn cut_off(seen: &Seen) -> Option<String> {
    let receiver = seen.receiver.as_ref();
    if seen.archive || receiver.is_some_and(is_streaming) {
        return None;
    }
    let log = "its log says why";
    if let Some(status) = receiver.and_then(|receiver| receiver.status.as_deref()) {
        return Some(format!("its WAL receiver is `{status}`; {log}"));
    }
    Some(match &seen.configured {
        Some((None, None)) => "no WAL receiver runs; its `primary_conninfo` names no host".into(),
        Some((host, port)) => format!(
            "no WAL receiver runs, and it should get changes from {}:{}; {log}",
            host.as_deref().unwrap_or("its own machine"),
            port.as_deref().unwrap_or("5432")
        ),
        None => format!("no WAL receiver runs; {log}"),
    })
}

fn is_streaming(receiver: &Receiver) -> bool {
    receiver.status.as_deref() == Some("streaming")
}

fn replay(seen: &Seen) -> Replay {
    let level = seen.replayed.is_some() && seen.replayed == seen.received;
    let connected = seen.receiver.as_ref().is_some_and(is_streaming);
    let delay = seen.delay.and_then(seconds);
    Replay::seen(
        replay_state(seen),
        // Behind, the server knows when its last change was written, not when the next one was: on a quiet primary those are
        // hours apart. Cut off, nothing that it has says what it lacks.
        (level && connected).then_some(Duration::ZERO),
        delay.filter(|delay| !delay.is_zero()),
    )
}

fn replay_state(seen: &Seen) -> ReplayState {
    let startup = seen.startup.as_ref();
    if let Some(by) = startup.and_then(|startup| startup.by.clone()) {
        return ReplayState::Blocked { by };
    }
    match (seen.paused.as_deref(), startup) {
        (Some("paused" | "pause requested"), _) => ReplayState::Paused,
        (_, None) => ReplayState::Unknown,
        (_, Some(startup)) => {
            let waits_for_somebody = startup.kind.as_deref() == Some("Lock")
                || startup.event.as_deref().is_some_and(|event| {
                    event == "BufferPin" || event.starts_with("RecoveryConflict")
                });
            match waits_for_somebody {
                // Whom for, the server does not say.
                true => ReplayState::Blocked { by: Vec::new() },
                false => ReplayState::Running,
            }
        }
    }
}

fn child(sender: &Sender, stream: &Stream, here: Option<Lsn>) -> Child {
    let level = sender
        .replayed
        .is_some_and(|replayed| here.is_some_and(|here| replayed.0 >= end_of_record(here.0)));
    Child {
        name: sender.name.clone().unwrap_or_default(),
        address: sender.host.clone(),
        state: sender.state.clone(),
        sent: stream.place(arrived(sender)),
        flushed: stream.place(sender.flushed),
        replayed: stream.place(sender.replayed),
        // NULL means that nothing is under way, or that nobody knows: the places tell which.
        lag: match level {
            true => Some(Duration::ZERO),
            false => sender.lag.and_then(seconds),
        },
        // A copy that is being made is no replica yet.
        logical: sender.logical || sender.state.as_deref() == Some("backup") || is_archiver(sender),
    }
}

/// Tools that take the log as a standby does, and replay nothing.
const ARCHIVERS: [&str; 3] = ["pg_receivewal", "pg_basebackup", "barman_receive_wal"];

/// A standby's first word has the place that it has replayed to; one that says what it has written, and never that, only keeps the log.
/// Before a first word, or where the places may not be seen, there is the name.
fn is_archiver(sender: &Sender) -> bool {
    let is_called_so = || (sender.name.as_deref()).is_some_and(|name| ARCHIVERS.contains(&name));
    sender.replayed.is_none() && (sender.written.is_some() || is_called_so())
}

/// What was handed to the network may be there still: where the replica's disk has all that the replica has, it waits for no disk.
fn arrived(sender: &Sender) -> Option<Lsn> {
    let is_flushed = sender.written.is_some() && sender.written == sender.flushed;
    match is_flushed {
        true => sender.written,
        false => sender.sent,
    }
}

fn slot(seen: &SlotSeen, stream: &Stream) -> Slot {
    let bytes = |figure: Option<i64>| figure.map(|figure| u64::try_from(figure).unwrap_or(0));
    Slot {
        name: seen.name.clone(),
        logical: seen.logical,
        database: seen.database.clone(),
        active: seen.active,
        confirmed: stream.place(seen.confirmed),
        retained_bytes: bytes(seen.retained),
        safe_bytes: bytes(seen.safe),
        status: seen.status.clone(),
        invalidated: seen.invalidated.clone(),
    }
}

fn subscription(seen: &SubscriptionSeen, counting: Option<Timestamp>) -> Subscription {
    let errors = seen.errors;
    let reset = errors.and_then(|(_, _, reset)| reset);
    Subscription {
        name: seen.name.clone(),
        enabled: seen.enabled,
        running: seen.running,
        received: seen.received.map(|lsn| Position::Wal {
            system: "publisher".to_owned(),
            timeline: 0,
            lsn: lsn.0,
        }),
        slot: seen.slot.clone(),
        apply_errors: errors.map(|(apply, _, _)| apply),
        sync_errors: errors.map(|(_, sync, _)| sync),
        errors_since: reset.or(counting),
        owes: None,
        sync_fails: false,
        syncing: seen.syncing,
        publications: seen.publications.clone(),
    }
}

/// Of sessions that it may not see a role is told that they are there, and nothing else.
fn load(seen: &Seen) -> Load {
    let figures = seen.load.filter(|_| seen.sees_stats);
    Load {
        active: figures.map(|(active, _)| active),
        lock_waiters: figures.map(|(_, waiting)| waiting),
        mend: figures.is_none().then(|| monitor(&seen.user)),
    }
}

fn monitor(user: &str) -> String {
    format!("GRANT pg_monitor TO {}", ident(user))
}

/// What the role may not see, and what lets it.
fn unobservable(seen: &Seen) -> Vec<Unobservable> {
    let role = ident(&seen.user);
    let mut missing = Vec::new();
    let mut lacks = |what: &str, mend: String| {
        missing.push(Unobservable {
            what: what.to_owned(),
            mend,
        });
    };
    if !seen.sees_stats {
        let what = match seen.standby {
            true => "whom it gets changes from, who blocks replay, who is busy",
            false => "how far its replicas are, who is busy",
        };
        lacks(what, monitor(&seen.user));
    } else if !seen.sees_settings && seen.standby && seen.receiver.is_none() {
        let what = "whom it should get changes from";
        lacks(what, format!("GRANT pg_read_all_settings TO {role}"));
    }
    if seen.system.is_none() {
        lacks(
            "which cluster it belongs to",
            format!(
                "GRANT EXECUTE ON FUNCTION pg_control_system(), pg_control_checkpoint(), pg_control_recovery() TO {role}"
            ),
        );
    }
    missing
}

/// A length of time in seconds; none where it is endless.
fn seconds(figure: f64) -> Option<Duration> {
    match figure < 0.0 {
        // Clocks that were set back, for all but -1, which the server means.
        true if figure != -1.0 => Some(Duration::ZERO),
        true => None,
        false => Duration::try_from_secs_f64(figure).ok(),
    }
}
