//! Small fleets and their plans.

use greylag_core::{
    engine::Engine,
    event::Event,
    fleet::{Shard, ShardName},
    gate::{Verdict, WaitReason},
    history::Reading,
    migration::{Migration, MigrationId},
    outcome::{Doubt, Failure, FailureClass, Left, Outcome},
    plan::{Candidate, Input, Plan, Seen, plan},
    policy::{Budget, Group, Policy, Retry, Scope, Size, WaveRule},
    position::Position,
};
use jiff::{SignedDuration, Timestamp};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

pub fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

pub fn name(text: &str) -> ShardName {
    text.parse().unwrap()
}

pub fn id(text: &str) -> MigrationId {
    text.parse().unwrap()
}

pub fn ids(text: &str) -> Vec<MigrationId> {
    text.split_whitespace().map(id).collect()
}

pub fn file(script: &str, text: &str) -> Migration {
    Migration::read(script, text.as_bytes(), None).unwrap()
}

pub fn wave(name: &str, size: Size) -> WaveRule {
    WaveRule {
        name: name.to_owned(),
        select: None,
        size,
        soak: Duration::ZERO,
        approval: false,
    }
}

pub fn policy(waves: Vec<WaveRule>) -> Policy {
    Policy {
        waves,
        max_in_flight: 2,
        max_per_host: 1,
        failure_budget: Budget::Shards(0),
        group: Group::Auto,
        out_of_order: false,
        retry: Retry {
            attempts: 3,
            base: Duration::from_millis(100),
            cap: Duration::from_secs(5),
        },
        lock_timeout: Duration::from_secs(2),
        lock_deadline: Duration::from_secs(600),
        windows: Vec::new(),
        checks: Vec::new(),
        online: Default::default(),
    }
}

pub fn candidate(shard: &str, host: &str, reading: &Arc<Reading>) -> Candidate {
    Candidate {
        shard: Shard {
            name: name(shard),
            engine: Engine::Postgres,
            host: host.into(),
            schema: None,
            labels: Arc::new(BTreeMap::new()),
        },
        uuid: None,
        seen: Seen::Read {
            reading: reading.clone(),
            newcomer: false,
        },
    }
}

pub fn reading(applied: &str, pending: &str) -> Arc<Reading> {
    let applied = ids(applied);
    Arc::new(Reading {
        by_rank: applied.clone(),
        current: applied.iter().rev().find_map(|id| id.version().cloned()),
        applied,
        pending: ids(pending),
        ..Reading::default()
    })
}

pub fn made(
    shards: Vec<Candidate>,
    migrations: &[Migration],
    policy: &Policy,
) -> Result<Plan, greylag_core::plan::PlanError> {
    plan(&Input {
        project: "orders",
        environment: "test",
        shards,
        migrations,
        policy,
        scope: &Scope::default(),
        settings: "",
        flyway_table: false,
        waves: None,
        first: Vec::new(),
        reviewed: None,
        refused_there: None,
    })
}

/// Four shards on two hosts in three waves, two stages; `c` has no work in the first, `d` none in the second.
pub fn small(budget: u32) -> Plan {
    let files = [
        file("V1__one.sql", "SELECT 1;"),
        file("V2__two.sql", "SELECT 2;"),
        file("R__views.sql", "SELECT 3;"),
    ];
    let all = reading("", "V1 V2 R__views");
    let one = reading("V1", "V2 R__views");
    let views = reading("V1 V2", "R__views");
    let versions = reading("R__views", "V1 V2");
    let shards = vec![
        candidate("a", "h1", &one),
        candidate("b", "h2", &all),
        candidate("c", "h2", &views),
        candidate("d", "h1", &versions),
    ];
    let policy = Policy {
        failure_budget: Budget::Shards(budget),
        ..policy(vec![
            wave("canary", Size::Count(1)),
            wave("batch", Size::Count(2)),
            wave("rest", Size::Rest),
        ])
    };
    made(shards, &files, &policy).unwrap()
}

pub fn started(plan: &Plan) -> Event {
    Event::RolloutStarted {
        digest: plan.digest.clone(),
        by: "ann".into(),
    }
}

pub fn restarted() -> Event {
    Event::Restarted { by: "ann".into() }
}

pub fn gate(stage: usize, wave: usize, verdict: Verdict) -> Event {
    Event::GateAnswered {
        stage,
        wave,
        verdict,
    }
}

pub fn start(stage: usize, shard: &ShardName) -> Event {
    Event::ShardStarted {
        stage,
        shard: shard.clone(),
    }
}

pub fn end(stage: usize, shard: &ShardName, outcome: Outcome) -> Event {
    Event::ShardEnded {
        stage,
        shard: shard.clone(),
        outcome,
    }
}

pub fn applied(stage: usize, shard: &ShardName, migration: &MigrationId) -> Event {
    Event::MigrationApplied {
        stage,
        shard: shard.clone(),
        migration: migration.clone(),
        millis: 1,
    }
}

pub fn failed(class: FailureClass) -> Outcome {
    Outcome::Failed {
        failure: Failure {
            class,
            code: None,
            message: "no".into(),
            migration: None,
            place: None,
            hint: None,
            left: Left::Nothing,
            blockers: Vec::new(),
        },
    }
}

pub fn unknown(needs_person: bool) -> Outcome {
    Outcome::Unknown {
        doubt: Doubt {
            migration: None,
            place: None,
            why: "the connection broke".into(),
            needs_person,
        },
    }
}

pub fn pause() -> Event {
    Event::Paused {
        by: "ann".into(),
        reason: None,
    }
}

pub fn resume() -> Event {
    Event::Resumed { by: "ann".into() }
}

pub fn abort() -> Event {
    Event::Aborted {
        by: "ann".into(),
        reason: None,
    }
}

pub fn retry(shard: &ShardName) -> Event {
    Event::Retried {
        shard: shard.clone(),
        by: "ann".into(),
    }
}

pub fn skip(shard: &ShardName) -> Event {
    Event::Skipped {
        shard: shard.clone(),
        by: "ann".into(),
        reason: "later".into(),
    }
}

pub fn settle(shard: &ShardName, migration: &MigrationId, applied: bool) -> Event {
    Event::Settled {
        shard: shard.clone(),
        migration: migration.clone(),
        applied,
        by: "ann".into(),
        reason: "looked".into(),
        node: None,
    }
}

pub fn approve(plan: &Plan, stage: usize, wave: usize) -> Event {
    Event::Approved {
        stage,
        wave,
        digest: plan.digest.clone(),
        by: "ann".into(),
    }
}

pub fn replaying(stage: usize, shard: &ShardName, lsn: Option<u64>) -> Event {
    Event::ShardReplaying {
        stage,
        shard: shard.clone(),
        position: lsn.map(|lsn| Position::Wal {
            system: "7".into(),
            timeline: 1,
            lsn,
        }),
    }
}

pub fn lost(stage: usize, shard: &ShardName, migrations: &[MigrationId]) -> Event {
    Event::MigrationsLost {
        stage,
        shard: shard.clone(),
        migrations: migrations.to_vec(),
        primary: "10.0.0.2:5432".into(),
    }
}

pub fn not_replayed(stage: usize, shard: &ShardName) -> Event {
    Event::NotReplayed {
        stage,
        shard: shard.clone(),
        nodes: Vec::new(),
    }
}

pub fn held(held: bool) -> Event {
    let reason = WaitReason::NoReplicas {
        shard: name("s1"),
        why: "all are ignored".into(),
    };
    Event::Held {
        reasons: if held { vec![reason] } else { Vec::new() },
    }
}
