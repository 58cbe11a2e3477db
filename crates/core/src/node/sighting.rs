//! What one look at one node saw.

use crate::{
    outcome::Blocker,
    position::Position,
    survey::{Server, ShardIdentity},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};

/// What one look (one query, over one connection) saw of a node. What the engine does not have is absent; what the account
/// may not see is in `unobservable`, and is never taken for zero.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeSighting {
    pub at: Timestamp,
    pub server: Server,
    /// Tells nodes of one lineage apart: MySQL's server uuid, MariaDB's server id with its address; for PostgreSQL, whose
    /// nodes share everything, the address.
    pub own: String,
    pub role: SeenRole,
    /// The identity that the shard carries (`greylag_shard`), as it can be read here: a replica's is its primary's.
    #[serde(default)]
    pub shard: Option<ShardIdentity>,
    /// A primary: what it has written. A replica: what it has replayed, and can be read there.
    pub position: Option<Position>,
    /// A replica: what it has got from upstream, and may not have replayed.
    pub received: Option<Position>,
    /// A replica: what was written on it itself and did not come from upstream, where the engine tells. What of it the primary
    /// does not have is errant: the two no longer hold the same.
    #[serde(default)]
    pub written_here: Option<Position>,
    /// A replica: where it gets changes from. Absent where the account may not see it.
    pub upstream: Option<Upstream>,
    /// A replica: how replaying goes.
    pub replay: Option<Replay>,
    /// Who gets changes from this node, as it says itself.
    pub children: Vec<Child>,
    /// Why `children` may lack some, and what would let them be seen; absent where all are there.
    #[serde(default)]
    pub children_unseen: Option<Unobservable>,
    /// Logical slots (and physical ones, whose loss breaks a replica).
    pub slots: Vec<Slot>,
    /// Of a logical subscriber.
    pub subscriptions: Vec<Subscription>,
    pub conflicts: Option<Conflicts>,
    pub load: Option<Load>,
    /// The oldest query or transaction on the node that a replayed lock could hit or wait for.
    pub oldest: Option<Oldest>,
    /// A standby: how long a query may hold replay up before it is cancelled.
    pub patience: Option<Delay>,
    pub unobservable: Vec<Unobservable>,
}

impl NodeSighting {
    /// A node that says who it is and nothing else.
    pub fn bare(at: Timestamp, server: Server, own: String, role: SeenRole) -> Self {
        Self {
            at,
            server,
            own,
            role,
            shard: None,
            position: None,
            received: None,
            written_here: None,
            upstream: None,
            replay: None,
            children: Vec::new(),
            children_unseen: None,
            slots: Vec::new(),
            subscriptions: Vec::new(),
            conflicts: None,
            load: None,
            oldest: None,
            patience: None,
            unobservable: Vec::new(),
        }
    }

    /// Whether the two looks were at one server, by whatever name each of them came to it. What a server calls itself may depend on
    /// the way to it; its run does not.
    pub fn is_one_server(&self, other: &Self) -> bool {
        let (one, other_one) = (&self.server, &other.server);
        let is_run = match (&one.instance, &other_one.instance) {
            (Some(one), Some(other)) => one == other,
            _ => self.own == other.own,
        };
        one.engine == other_one.engine && one.lineage == other_one.lineage && is_run
    }

    /// Whether this is the primary itself, reached by another name than the primary's own. Of that name only, a failover tells so:
    /// the name of a service leads wherever the primary is.
    pub fn is_other_name_of(&self, primary: &Self) -> bool {
        self.role == SeenRole::Primary
            && self.is_one_server(primary)
            && self.server.dialled != primary.server.dialled
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeenRole {
    /// Accepts writes, and gets changes from nobody.
    Primary,
    /// Gets changes from nobody, and is set read-only.
    ReadOnly,
    /// Gets changes from another server.
    Replica,
}

/// Where a replica gets changes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upstream {
    /// Host and port as the replica has them configured.
    pub address: Option<String>,
    /// MySQL's server uuid of the source, MariaDB's server id.
    pub identity: Option<String>,
    /// Changes come in now.
    pub connected: bool,
    /// The receiver's last error (IO thread, WAL receiver).
    pub error: Option<String>,
    /// The receiver ended with that error: nothing comes in until somebody starts it again.
    #[serde(default)]
    pub failed: bool,
    /// The account that it logs in to upstream with, where the server says.
    #[serde(default)]
    pub user: Option<String>,
    /// The name under which upstream lists it among its children (`application_name`), which tells replicas on one host apart.
    #[serde(default)]
    pub known_as: Option<String>,
    /// How long ago anything came in, a change or a sign of life; absent where nobody knows. A connection that died without a
    /// word passes for connected until this is too long.
    #[serde(default)]
    pub heard: Option<Duration>,
}

/// How a replica replays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Replay {
    pub state: ReplayState,
    /// How old the newest replayed change was when it was replayed, where the engine says so honestly; zero where all that was
    /// received is replayed and the receiver is connected; absent where nobody knows.
    pub lag: Option<Duration>,
    /// Replay is held back on purpose by so much.
    pub delay: Option<Duration>,
}

impl Replay {
    /// What one look at a replica told. A look asks for places first and for locks after: who stands before a lock has something to
    /// replay, so a zero beside it is from the moment before that came in.
    pub fn seen(state: ReplayState, lag: Option<Duration>, delay: Option<Duration>) -> Self {
        let contradicts =
            |lag: &Duration| matches!(state, ReplayState::Blocked { .. }) && lag.is_zero();
        Self {
            lag: lag.filter(|lag| !contradicts(lag)),
            state,
            delay,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "replay", rename_all = "snake_case")]
pub enum ReplayState {
    /// Replays, or has nothing to replay.
    Running,
    /// Stands, because somebody on the replica holds what it needs.
    Blocked { by: Vec<Blocker> },
    /// A person paused it.
    Paused,
    /// It ended with an error (SQL thread, apply worker).
    Stopped { error: Option<String> },
    /// The account may not see it.
    Unknown,
}

/// One that gets changes from a node, as the node says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Child {
    /// `application_name`; MySQL's server uuid, MariaDB's server id, as in `Upstream::identity`.
    pub name: String,
    /// Where it comes from, where the server says: host, or host and port.
    pub address: Option<String>,
    /// `streaming`, `catchup`, `startup`, `backup`; MySQL's own words for a dump thread.
    pub state: Option<String>,
    /// What was sent to it, and is not known to be still on its way.
    pub sent: Option<Position>,
    pub flushed: Option<Position>,
    pub replayed: Option<Position>,
    /// As the primary measures it; absent with equal positions means none.
    pub lag: Option<Duration>,
    /// It is a logical walsender or some other reader, no replica.
    pub logical: bool,
}

/// A replication slot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    pub name: String,
    pub logical: bool,
    pub database: Option<String>,
    pub active: bool,
    /// How far its reader has confirmed; lag is from there.
    pub confirmed: Option<Position>,
    /// How much log it keeps on the server.
    pub retained_bytes: Option<u64>,
    /// How much more may be written until it is lost; absent where nothing limits it.
    pub safe_bytes: Option<u64>,
    /// `reserved`, `extended`, `unreserved`, `lost`.
    pub status: Option<String>,
    /// Why it was given up, where the server says: `wal_removed`, `rows_removed`, `idle_timeout`.
    #[serde(default)]
    pub invalidated: Option<String>,
}

/// A logical subscription, on the subscriber.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    pub name: String,
    pub enabled: bool,
    /// An apply worker runs.
    pub running: bool,
    /// How far it has got in the publisher's stream. A subscriber is not told which stream that is: `received_in` is what can
    /// be compared.
    pub received: Option<Position>,
    /// Its slot on the publisher: what that one says of the slot is the subscriber's lag.
    #[serde(default)]
    pub slot: Option<String>,
    pub apply_errors: Option<u64>,
    pub sync_errors: Option<u64>,
    /// Since when the errors are counted, where the server says.
    #[serde(default)]
    pub errors_since: Option<Timestamp>,
    /// It failed to apply, and has not confirmed this place since: where its publisher was when it was last seen to fail. Only several
    /// looks together tell (`NodeSighting::remember`).
    #[serde(default)]
    pub owes: Option<Position>,
    /// It failed to copy a table, and still copies; as `owes`.
    #[serde(default)]
    pub sync_fails: bool,
    /// Tables that are not yet synchronised.
    pub syncing: u32,
    pub publications: Vec<String>,
}

impl Subscription {
    /// How far it has got, as a place in the publisher's stream.
    pub fn received_in(&self, publisher: &Position) -> Option<Position> {
        match (&self.received, publisher) {
            (
                Some(Position::Wal { lsn, .. }),
                Position::Wal {
                    system, timeline, ..
                },
            ) => Some(Position::Wal {
                system: system.clone(),
                timeline: *timeline,
                lsn: *lsn,
            }),
            _ => None,
        }
    }
}

/// Queries that replay cancelled, counted since the server's statistics began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflicts {
    /// By kind: `lock`, `snapshot`, `tablespace`, `bufferpin`, `deadlock`.
    pub cancelled: BTreeMap<String, u64>,
    /// When that was, where the server says.
    #[serde(default)]
    pub since: Option<Timestamp>,
}

/// What keeps a node busy, without our own sessions. What the account may not see is absent, and never zero.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// Sessions that run a statement now.
    pub active: Option<u32>,
    /// Sessions that wait for a lock now.
    pub lock_waiters: Option<u32>,
    /// What would let the account see what is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

/// The oldest query or transaction that is open on a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Oldest {
    pub who: Blocker,
    pub age: Duration,
}

/// How long something is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delay {
    For(Duration),
    ForEver,
}

/// What the account may not see, and what would let it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unobservable {
    /// What can't be told: `lag of its replicas`, `who blocks replay`.
    pub what: String,
    /// The statement that mends it, ready to run on the primary: `GRANT pg_monitor TO greylag`.
    pub mend: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_before_a_lock_is_not_level() {
        let blocked = || ReplayState::Blocked { by: Vec::new() };
        let lag = |state, lag| Replay::seen(state, lag, None).lag;
        let second = Some(Duration::from_secs(1));
        assert_eq!(lag(blocked(), Some(Duration::ZERO)), None);
        assert_eq!(lag(blocked(), second), second);
        assert_eq!(
            lag(ReplayState::Running, Some(Duration::ZERO)),
            Some(Duration::ZERO)
        );
    }
}
