//! What the server answers to a look, as it puts it. The names are those of `look.sql`.

use std::collections::BTreeMap;

use greylag_core::{outcome::Blocker, position::Position, survey::ShardIdentity};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A place in the log as the server writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lsn(pub u64);

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Seen {
    pub standby: bool,
    pub read_only: bool,
    pub sees_stats: bool,
    pub sees_settings: bool,
    pub user: String,
    pub database: String,
    pub catalog: String,
    pub schema: Option<String>,
    pub host: Option<String>,
    pub port: Option<u16>,
    pub started: Option<String>,
    pub system: Option<String>,
    pub control: Option<u32>,
    pub given_back: bool,
    pub carries: bool,
    pub shard: Option<ShardIdentity>,
    pub replayed: Option<Lsn>,
    pub received: Option<Lsn>,
    pub receiver: Option<Receiver>,
    pub configured: Option<(Option<String>, Option<String>)>,
    pub archive: bool,
    pub paused: Option<String>,
    pub delay: Option<f64>,
    pub patience: Option<f64>,
    pub startup: Option<Startup>,
    pub children: Option<Vec<Sender>>,
    pub slots: Option<Vec<SlotSeen>>,
    pub conflicts: Option<BTreeMap<String, Value>>,
    pub conflicts_reset: Option<Timestamp>,
    pub counting: Option<Timestamp>,
    pub subscriptions: Option<Vec<SubscriptionSeen>>,
    pub load: Option<(u32, u32)>,
    pub oldest: Option<Blocker>,
    pub written: Option<Lsn>,
    pub file: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct Receiver {
    pub status: Option<String>,
    pub host: Option<String>,
    pub port: Option<u16>,
    pub timeline: Option<u32>,
    pub name: Option<String>,
    pub heard: Option<f64>,
}

#[derive(Debug, Deserialize)]
pub struct Startup {
    pub kind: Option<String>,
    pub event: Option<String>,
    pub by: Option<Vec<Blocker>>,
}

#[derive(Debug, Deserialize)]
pub struct Sender {
    pub name: Option<String>,
    pub host: Option<String>,
    pub state: Option<String>,
    pub sent: Option<Lsn>,
    pub written: Option<Lsn>,
    pub flushed: Option<Lsn>,
    pub replayed: Option<Lsn>,
    pub lag: Option<f64>,
    pub logical: bool,
}

#[derive(Debug, Deserialize)]
pub struct SlotSeen {
    pub name: String,
    pub logical: bool,
    pub database: Option<String>,
    pub active: bool,
    pub confirmed: Option<Lsn>,
    pub retained: Option<i64>,
    pub safe: Option<i64>,
    pub status: Option<String>,
    pub invalidated: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct SubscriptionSeen {
    pub name: String,
    pub enabled: bool,
    pub slot: Option<String>,
    pub publications: Vec<String>,
    pub running: bool,
    pub received: Option<Lsn>,
    pub syncing: u32,
    pub errors: Option<(u64, u64, Option<Timestamp>)>,
}

impl<'de> Deserialize<'de> for Lsn {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let lsn = Position::parse_lsn(&text);
        lsn.map(Self)
            .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is no LSN")))
    }
}
