//! A fleet of scripted databases, and runs that end or crash.

use crate::{
    crashing::{At, Crash, Crashing},
    database::{Fault, Shared},
    nodes::{Doors, Nodes, Script, listed},
    session::Databases,
};
use greylag_core::{
    engine::Engine,
    fleet::{Shard, ShardName},
    migration::{Migration, Set},
    node::NodePolicy,
    policy::{Budget, Group, Policy, Retry, Size, WaveRule},
};
use greylag_engines::Target;
use greylag_orchestrator::{
    Control, Fleet, FleetShard, Migrations, Setup,
    apply::{ApplyError, Options, Summary, apply},
    journal::{self, Act, Journal, Location},
    planning::{Ask, look_ahead},
    project::ReplicaSettings,
    replicas::Replication,
    steering::{Acknowledged, Request, SteerError, steer},
    survey::survey_fleet,
    watch::{Blind, Watcher},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use tempfile::TempDir;

pub struct World {
    pub databases: Databases,
    pub policy: Policy,
    pub versions: u32,
    /// Is told what the runs tell.
    pub watcher: Arc<dyn Watcher>,
    /// How often the last run asked for the lease.
    pub leases: Mutex<usize>,
    pub nodes: Nodes,
    replication: Replication,
    folder: TempDir,
}

/// How a run went.
#[derive(Debug)]
pub enum Ran {
    Ended(Box<Summary>),
    Crashed,
}

impl World {
    pub fn new(shards: usize, versions: u32) -> Self {
        let databases = (1..=shards)
            .map(|n| (format!("s{n}").parse().unwrap(), Shared::default()))
            .collect();
        Self {
            databases: Databases(Arc::new(databases)),
            policy: policy(),
            versions,
            watcher: Arc::new(Blind),
            leases: Mutex::default(),
            nodes: Nodes::default(),
            replication: quick(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// The shard has these replicas.
    pub fn replicas(&mut self, shard_name: &str, nodes: &[(&str, NodePolicy)]) {
        let name: ShardName = shard_name.parse().unwrap();
        let named = listed(&name, &shard(&name).target, nodes);
        Arc::make_mut(&mut self.replication.shards).insert(name.clone(), named);
        let mut known = self.nodes.lock().unwrap();
        for (node, _) in nodes {
            known.insert((name.clone(), (*node).into()), Script::default());
        }
    }

    pub fn settings(&mut self, change: impl FnOnce(&mut ReplicaSettings)) {
        change(Arc::make_mut(&mut self.replication.settings));
    }

    pub fn node(&self, shard: &str, node: &str, change: impl FnOnce(&mut Script)) {
        let mut nodes = self.nodes.lock().unwrap();
        let key = (shard.parse().unwrap(), node.to_owned());
        change(nodes.get_mut(&key).unwrap());
    }

    /// How often a node has been looked at.
    pub fn looks(&self, shard: &str, node: &str) -> u32 {
        let key = (shard.parse().unwrap(), node.to_owned());
        self.nodes.lock().unwrap()[&key].looks
    }

    pub fn fault(&self, shard: &str, fault: Fault) {
        self.databases.0[shard]
            .lock()
            .unwrap()
            .faults
            .push_back(fault);
    }

    async fn journal(&self) -> Arc<dyn Journal> {
        let path = self.folder.path().join("state.db");
        journal::open(&Location::Sqlite { path }).await.unwrap()
    }

    fn setup(&self, journal: Arc<dyn Journal>) -> Setup {
        let files = (1..=self.versions)
            .map(|n| {
                let text = format!("CREATE TABLE t{n}(x int);");
                Migration::read(&format!("V{n}__x.sql"), text.as_bytes(), None).unwrap()
            })
            .collect();
        Setup {
            folder: self.folder.path().into(),
            fleet: Fleet {
                project: "orders".into(),
                environment: "test".into(),
                shards: self.databases.0.keys().map(shard).collect(),
            },
            migrations: Migrations {
                files: Arc::new(Set::new(files).unwrap()),
                placeholders: BTreeMap::new(),
            },
            policy: self.policy.clone(),
            checks: Vec::new(),
            lint: None,
            seats: greylag_orchestrator::primary::Seats::default(),
            replication: self.replication.clone(),
            journal,
            open: Arc::new(Doors {
                databases: self.databases.clone(),
                nodes: self.nodes.clone(),
            }),
            by: "ann@test".into(),
        }
    }

    /// One run; says how many times it wrote to the journal.
    pub async fn run(&self, crash: Option<Crash>) -> (Ran, usize) {
        self.run_as(crash, Options::default()).await
    }

    pub async fn run_as(&self, crash: Option<Crash>, options: Options) -> (Ran, usize) {
        let journal = Crashing::new(self.journal().await, crash);
        let setup = self.setup(journal.clone());
        let ran = tokio::select! {
            ended = run(&setup, &options, self.watcher.clone()) => Ran::Ended(Box::new(ended.unwrap())),
            () = journal.crashed.notified() => Ran::Crashed,
        };
        self.oracle();
        *self.leases.lock().unwrap() = *journal.leases.lock().unwrap();
        let writes = *journal.writes.lock().unwrap();
        (ran, writes)
    }

    pub async fn retry(&self) {
        self.steer(Request::Retry { shards: Vec::new() })
            .await
            .unwrap();
    }

    pub async fn steer(&self, request: Request) -> Result<Acknowledged, SteerError> {
        let setup = self.setup(Crashing::new(self.journal().await, None));
        steer(&setup, None, request).await
    }

    /// Asks the run that is at work, as a second terminal does: that one is alive.
    pub async fn ask(&self, request: Request) {
        let journal = self.journal().await;
        let setup = self.setup(journal.clone());
        let rollouts = journal.rollouts(&setup.scope()).await.unwrap();
        let open = rollouts.iter().find(|row| row.ended.is_none()).unwrap();
        let request = serde_json::to_value(request).unwrap();
        journal.post(&open.id, "ann@test", &request).await.unwrap();
    }

    /// Steers, and crashes on the way; gives what people had done to shards by then.
    pub async fn steer_and_crash(&self, request: Request, at: At) -> Vec<Act> {
        let journal = Crashing::at_word(self.journal().await, at);
        let setup = self.setup(journal.clone());
        tokio::select! {
            ended = steer(&setup, None, request) => panic!("it did not crash: {ended:?}"),
            () = journal.crashed.notified() => {}
        }
        self.journal().await.acts(&setup.scope(), 10).await.unwrap()
    }

    /// Somebody else has the shard's lock.
    pub fn hold(&self, shard: &str, application: &str) {
        self.databases.0[shard].lock().unwrap().stranger = Some(application.into());
    }

    /// Nothing ever happens twice, and never without its row in the end.
    pub fn oracle(&self) {
        for (shard, database) in &*self.databases.0 {
            let database = database.lock().unwrap();
            for (migration, effects) in &database.effects {
                assert_eq!(
                    *effects, 1,
                    "{migration} on {shard} took effect {effects} times"
                );
            }
            assert!(
                database.most_open <= 2,
                "{shard} had {} connections at once",
                database.most_open
            );
        }
    }

    /// The versions in a shard's history.
    pub fn rows(&self, shard: &str) -> Vec<String> {
        let database = self.databases.0[shard].lock().unwrap();
        let versions = database.history.iter().map(|row| row.version.clone());
        versions.map(Option::unwrap).collect()
    }

    pub fn is_home(&self) {
        for (shard, database) in &*self.databases.0 {
            let database = database.lock().unwrap();
            let rows: Vec<_> = database
                .history
                .iter()
                .map(|row| row.version.clone().unwrap())
                .collect();
            let wanted: Vec<_> = (1..=self.versions).map(|n| n.to_string()).collect();
            assert_eq!(rows, wanted, "{shard}");
            assert_eq!(database.effects.len(), self.versions as usize, "{shard}");
            assert!(database.steps.is_empty(), "{shard}");
        }
    }
}

async fn run(
    setup: &Setup,
    options: &Options,
    watcher: Arc<dyn Watcher>,
) -> Result<Summary, ApplyError> {
    let ask = Ask::default();
    let surveyed = survey_fleet(setup, None, &Blind).await?;
    let prospect = look_ahead(setup, &surveyed, &ask).await?;
    apply(
        setup,
        surveyed,
        prospect,
        &ask,
        options,
        Control::new(),
        watcher,
    )
    .await
}

fn shard(name: &ShardName) -> FleetShard {
    FleetShard {
        shard: Shard {
            name: name.clone(),
            engine: Engine::Postgres,
            host: "here".into(),
            schema: None,
            labels: Arc::default(),
        },
        target: Target {
            engine: Engine::Postgres,
            shard: name.clone(),
            url: "postgres://here/d".parse().unwrap(),
            password: None,
            schema: None,
            session_sql: Arc::from([]),
            project: "orders".into(),
            history_table: "greylag_schema_history".into(),
            connect_timeout: Duration::from_secs(1),
            application: "greylag/test".into(),
        },
        placeholders: Arc::default(),
    }
}

/// Nodes are looked at often, so that tests need not wait.
fn quick() -> Replication {
    Replication {
        settings: Arc::new(ReplicaSettings {
            poll: Duration::from_millis(20),
            ..ReplicaSettings::default()
        }),
        ..Replication::default()
    }
}

fn policy() -> Policy {
    let wave = |name: &str, size| WaveRule {
        name: name.into(),
        select: None,
        size,
        soak: Duration::ZERO,
        approval: false,
    };
    Policy {
        waves: vec![wave("canary", Size::Count(1)), wave("rest", Size::Rest)],
        max_in_flight: 3,
        max_per_host: 3,
        failure_budget: Budget::Shards(0),
        group: Group::Auto,
        out_of_order: false,
        retry: Retry {
            attempts: 2,
            base: Duration::from_millis(1),
            cap: Duration::from_millis(5),
        },
        lock_timeout: Duration::from_millis(50),
        lock_deadline: Duration::from_secs(20),
        windows: Vec::new(),
        checks: Vec::new(),
        online: Default::default(),
    }
}
