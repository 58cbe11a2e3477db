//! What an approval is bound to: SHA-256 over canonical JSON of what a plan would do.
//!
//! Keys are sorted and nothing is between them. Covers the files, their configuration, the settings, the
//! shards' names and identities, the waves and the policy; never hosts, URLs, replicas, figures or times, and not
//! who lacks what: a shard that is further along by now doesn't void an approval.

use super::parts::{Plan, PlannedMigration, PlannedShard, Wave};
use serde::Serialize;
use serde_json::Value;

/// `sha256:` and 64 hexadecimal digits.
pub(super) fn of(plan: &Plan) -> String {
    let body = Body {
        environment: &plan.environment,
        migrations: plan.migrations.iter().map(covered).collect(),
        policy: sorted(serde_json::to_value(&plan.policy).unwrap_or_default()),
        project: &plan.project,
        settings: &plan.settings,
        shards: plan.shards.iter().map(Identity::of).collect(),
        waves: plan.waves.iter().map(Covered::of).collect(),
    };
    // Strings, numbers and lists only: this can't fail.
    let json = serde_json::to_vec(&body).unwrap_or_default();
    format!("sha256:{}", crate::digest::sha256(json))
}

/// Fields stand in the order of their names: that is what makes the JSON canonical.
#[derive(Serialize)]
struct Body<'a> {
    environment: &'a str,
    migrations: Vec<Value>,
    policy: Value,
    project: &'a str,
    settings: &'a str,
    shards: Vec<Identity<'a>>,
    waves: Vec<Covered<'a>>,
}

#[derive(Serialize)]
struct Identity<'a> {
    name: &'a str,
    uuid: Option<uuid::Uuid>,
}

#[derive(Serialize)]
struct Covered<'a> {
    approval: bool,
    name: &'a str,
    shards: &'a [crate::fleet::ShardName],
    soak_ms: u64,
}

impl<'a> Identity<'a> {
    fn of(shard: &'a PlannedShard) -> Self {
        Self {
            name: shard.name.as_str(),
            uuid: shard.uuid,
        }
    }
}

impl<'a> Covered<'a> {
    fn of(wave: &'a Wave) -> Self {
        Self {
            approval: wave.approval,
            name: &wave.name,
            shards: &wave.shards,
            soak_ms: wave.soak_ms,
        }
    }
}

fn covered(migration: &PlannedMigration) -> Value {
    sorted(serde_json::json!({
        "id": migration.id,
        "script": migration.script,
        "sha256": migration.sha256,
        "config": migration.config,
    }))
}

/// With every object's keys in order, whatever order the map of this build keeps.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.into_iter().map(|(k, v)| (k, sorted(v))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        plain => plain,
    }
}
