//! A fresh store for each test, opened as often as it likes; and a plan to fill it with.

use greylag_core::{
    engine::Engine,
    event::{Event, Stamped},
    fleet::Shard,
    history::Reading,
    migration::Migration,
    plan::{self, Candidate, Input, Plan, Seen},
    policy::{Budget, Group, Policy, Retry, Scope as PlanScope, Size, WaveRule},
};
use greylag_orchestrator::journal::{
    self, Holder, Journal, Lease, LeaseTry, Location, NewRollout, Scope,
};
use jiff::Timestamp;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tempfile::TempDir;

/// Somewhere to keep a journal.
pub struct Store {
    pub location: Location,
    _folder: Option<TempDir>,
}

impl Store {
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            location: Location::Sqlite {
                path: folder.path().join(".greylag/state.db"),
            },
            _folder: Some(folder),
        }
    }

    /// None, and said loudly, where there is no PostgreSQL.
    pub async fn postgres() -> Option<Self> {
        let server = greylag_lab::require(greylag_lab::Engine::Postgres).await?;
        let database = server.database("journal").await.unwrap();
        Some(Self {
            location: Location::Postgres {
                url: database.url.parse().unwrap(),
                password: None,
            },
            _folder: None,
        })
    }

    /// The clock goes back a day after a lease was given.
    pub async fn turn_the_clock_back(&self) {
        match &self.location {
            Location::Sqlite { path } => {
                let file = rusqlite::Connection::open(path).unwrap();
                file.execute_batch("UPDATE lease SET expires = expires + 86400000000")
                    .unwrap();
            }
            Location::Postgres { url, .. } => {
                let server = greylag_lab::require(greylag_lab::Engine::Postgres).await;
                let sql = "UPDATE greylag_state_lease SET expires = expires + interval '1 day'";
                let database = url.path().trim_start_matches('/');
                server.unwrap().execute(database, sql).await.unwrap();
            }
        }
    }

    pub async fn open(&self) -> Arc<dyn Journal> {
        journal::open(&self.location).await.unwrap()
    }
}

pub fn scope() -> Scope {
    Scope {
        project: "orders".into(),
        environment: "test".into(),
    }
}

pub fn holder(verb: &str) -> Holder {
    Holder::here("ann@test", verb)
}

pub async fn lease(journal: &dyn Journal, holder: &Holder) -> Lease {
    match journal.take_lease(&scope(), holder).await.unwrap() {
        LeaseTry::Held(lease) => lease,
        LeaseTry::Busy(row) => panic!("busy: {}", row.holder),
    }
}

pub fn rollout(id: &str) -> NewRollout {
    NewRollout {
        id: id.into(),
        plan: Arc::new(a_plan()),
        files: BTreeMap::from([("V1__a.sql".to_owned(), Arc::from("CREATE TABLE a(x);"))]),
    }
}

pub fn stamped(sequence: u64, epoch: u64, by: &str) -> Stamped {
    Stamped {
        sequence,
        at: Timestamp::from_microsecond(1_700_000_000_000_000 + sequence as i64).unwrap(),
        epoch,
        event: Event::Resumed { by: by.into() },
    }
}

pub fn finished(sequence: u64, epoch: u64) -> Stamped {
    Stamped {
        event: Event::Finished {
            verdict: "done".into(),
        },
        ..stamped(sequence, epoch, "")
    }
}

fn a_plan() -> Plan {
    let file = Migration::read("V1__a.sql", b"CREATE TABLE a(x);", None).unwrap();
    let reading = Arc::new(Reading {
        pending: vec![file.id.clone()],
        ..Reading::default()
    });
    let policy = Policy {
        waves: vec![WaveRule {
            name: "fleet".into(),
            select: None,
            size: Size::Rest,
            soak: Duration::ZERO,
            approval: false,
        }],
        max_in_flight: 1,
        max_per_host: 1,
        failure_budget: Budget::Shards(0),
        group: Group::Auto,
        out_of_order: false,
        retry: Retry {
            attempts: 1,
            base: Duration::ZERO,
            cap: Duration::ZERO,
        },
        lock_timeout: Duration::from_secs(1),
        lock_deadline: Duration::from_secs(1),
        windows: Vec::new(),
        checks: Vec::new(),
        online: Default::default(),
    };
    plan::plan(&Input {
        project: "orders",
        environment: "test",
        shards: vec![Candidate {
            shard: Shard {
                name: "a".parse().unwrap(),
                engine: Engine::Sqlite,
                host: "here".into(),
                schema: None,
                labels: Arc::default(),
            },
            uuid: None,
            seen: Seen::Read {
                reading,
                newcomer: false,
            },
        }],
        migrations: &[file],
        policy: &policy,
        scope: &PlanScope::default(),
        settings: "",
        flyway_table: false,
        waves: None,
        first: Vec::new(),
        reviewed: None,
        refused_there: None,
    })
    .unwrap()
}
