//! A fleet of clusters, each a shard with replicas, and rollouts over it.

use crate::table::lines;
use greylag_core::{
    event::Event,
    fleet::{Shard, ShardName},
    migration::{Migration, Set},
    node::{Intake, NodeName, NodePolicy, NodeRole},
    plan::UndoTarget,
    policy::{Budget, Group, Policy, Retry, Size, WaveRule},
    rollout::Progress,
};
use greylag_engines::Target;
use greylag_lab::{Cluster, Engine, Options as ServerOptions, Server, TestDatabase};
use greylag_orchestrator::{
    Control, Fleet, FleetShard, Migrations, Notice, Setup,
    apply::{Options, Summary, Verdict, apply},
    journal::{self, Location},
    planning::{Ask, look_ahead},
    project::ReplicaSettings,
    replicas::{Named, NamedNode, Replication},
    setup::Servers,
    steering,
    survey::survey_fleet,
    watch::Blind,
};
use std::{
    collections::BTreeMap,
    io::ErrorKind,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// What a run has told, each with when.
pub type Told = Arc<Mutex<Vec<(Instant, Event)>>>;

pub struct Replicated {
    pub clusters: Vec<Cluster>,
    pub databases: Vec<TestDatabase>,
    pub files: Vec<(&'static str, &'static str)>,
    pub settings: ReplicaSettings,
    pub policy: Policy,
    /// Logical subscribers, each of a shard.
    pub subscribers: Vec<(usize, Server, TestDatabase)>,
    pub intake: Intake,
    /// What runs have warned of.
    pub warnings: Arc<Mutex<Vec<String>>>,
    pub claim: Option<u32>,
    /// Runs take versions back instead.
    pub undo: Option<UndoTarget>,
    /// What a rollout makes of the replicas that lag.
    pub watched: NodePolicy,
    /// The nodes are asked of the primary.
    pub auto: bool,
    /// The project names no nodes.
    pub unlisted: bool,
    /// The URL of each primary names its replicas as well.
    pub several_hosts: bool,
    /// All shards are on one host.
    pub one_host: bool,
    /// Ports through which replicas are reached, by shard and number, where that is not their own.
    pub doors: BTreeMap<(usize, usize), u16>,
    /// Ports of services that lead to primaries, wherever those are, by shard.
    pub services: BTreeMap<usize, u16>,
    /// Who logs in, and by which password, where it is not the lab's own account.
    pub login: Option<(String, String)>,
    folder: TempDir,
}

impl Replicated {
    /// So many shards with so many replicas each; none where this machine has no such server.
    pub async fn start(engine: Engine, shards: usize, replicas: usize) -> Option<Self> {
        Self::start_with(engine, shards, replicas, ServerOptions::default()).await
    }

    /// … on servers with settings.
    pub async fn start_with(
        engine: Engine,
        shards: usize,
        replicas: usize,
        options: ServerOptions,
    ) -> Option<Self> {
        if !greylag_lab::available(engine) {
            return None;
        }
        let mut clusters = Vec::new();
        let mut databases = Vec::new();
        for _ in 0..shards {
            let cluster = Cluster::start_with(engine, replicas, options.clone());
            let cluster = cluster.await.unwrap();
            databases.push(cluster.database("r").await.unwrap());
            cluster.wait_replayed().await.unwrap();
            clusters.push(cluster);
        }
        Some(Self {
            clusters,
            databases,
            files: vec![("V1__one.sql", "CREATE TABLE one (id int PRIMARY KEY);")],
            settings: ReplicaSettings::default(),
            policy: policy(),
            subscribers: Vec::new(),
            intake: Intake::default(),
            warnings: Arc::default(),
            claim: None,
            undo: None,
            watched: NodePolicy::Guard,
            auto: false,
            several_hosts: false,
            unlisted: false,
            one_host: false,
            doors: BTreeMap::new(),
            services: BTreeMap::new(),
            login: None,
            folder: tempfile::tempdir().unwrap(),
        })
    }

    /// All that is in the journal's files, as far as it is text.
    pub fn journal(&self) -> String {
        // What waits in the write-ahead log first: it is removed by whoever closes the journal last, who
        // has put it into the other file before.
        let texts = ["state.db-wal", "state.db"].map(|name| {
            match std::fs::read(self.folder.path().join(name)) {
                Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                Err(error) if error.kind() == ErrorKind::NotFound && name != "state.db" => {
                    String::new()
                }
                Err(error) => panic!("{name}: {error}"),
            }
        });
        texts.concat()
    }

    pub async fn setup(&self) -> Setup {
        let files = self.files.iter();
        let files = files.map(|(name, text)| Migration::read(name, text.as_bytes(), None).unwrap());
        let shards: Vec<FleetShard> = (0..self.clusters.len()).map(|at| self.shard(at)).collect();
        let named = |at| match self.auto {
            true => Named::Auto,
            false => Named::Listed(self.nodes(at)),
        };
        let listed = match self.unlisted {
            true => 0,
            false => self.clusters.len(),
        };
        let nodes = (0..listed).map(|at| (name(at), named(at))).collect();
        let path = self.folder.path().join("state.db");
        Setup {
            folder: self.folder.path().into(),
            fleet: Fleet {
                project: "orders".into(),
                environment: "test".into(),
                shards,
            },
            migrations: Migrations {
                files: Arc::new(Set::new(files.collect()).unwrap()),
                placeholders: BTreeMap::new(),
            },
            policy: self.policy.clone(),
            checks: Vec::new(),
            lint: None,
            seats: greylag_orchestrator::primary::Seats::default(),
            replication: Replication {
                settings: Arc::new(self.settings.clone()),
                shards: Arc::new(nodes),
            },
            journal: journal::open(&Location::Sqlite { path }).await.unwrap(),
            open: Arc::new(Servers),
            by: "ann@test".into(),
        }
    }

    pub fn shard(&self, at: usize) -> FleetShard {
        FleetShard {
            shard: Shard {
                name: name(at),
                engine: self.target(at, self.clusters[at].primary()).engine,
                host: format!("h{}", if self.one_host { 0 } else { at }).into(),
                schema: None,
                labels: Arc::default(),
            },
            target: self.named(at),
            placeholders: Arc::default(),
        }
    }

    pub fn nodes(&self, at: usize) -> Vec<NamedNode> {
        let replicas = self.clusters[at].replicas().iter().enumerate();
        let node = |(number, replica): (usize, &Server)| NamedNode {
            node: NodeName {
                shard: name(at),
                node: format!("replica-{}", number + 1).into(),
            },
            role: NodeRole::Replica,
            policy: self.watched.clone(),
            intake: Default::default(),
            target: match self.doors.get(&(at, number)) {
                Some(door) => self.reach_through(at, replica, *door),
                None => self.target(at, replica),
            },
        };
        let subscribers = self.subscribers.iter().filter(|(of, _, _)| *of == at);
        let subscriber = |(_, server, database): &(usize, Server, TestDatabase)| NamedNode {
            node: NodeName {
                shard: name(at),
                node: "mirror".into(),
            },
            role: NodeRole::Subscriber,
            policy: NodePolicy::Guard,
            intake: self.intake,
            target: self.reach(at, server, &database.name),
        };
        replicas
            .map(node)
            .chain(subscribers.map(subscriber))
            .collect()
    }

    /// Where the project says that the primary is.
    fn named(&self, at: usize) -> Target {
        let mut target = self.target(at, self.clusters[at].primary());
        if let Some(port) = self.services.get(&at) {
            target.url.set_port(Some(*port)).unwrap();
        }
        if self.several_hosts {
            let servers = self.clusters[at].replicas().iter();
            let ports = servers
                .chain([self.clusters[at].primary()])
                .map(Server::port);
            let ports: Vec<String> = ports.map(|port| port.to_string()).collect();
            let hosts = vec!["127.0.0.1"; ports.len() - 1].join(",");
            target.url.set_port(None).unwrap();
            let mut options = target.url.query_pairs_mut();
            options.append_pair("host", &hosts);
            options.append_pair("port", &ports.join(","));
        }
        target
    }

    pub fn target(&self, at: usize, server: &Server) -> Target {
        self.reach(at, server, &self.databases[at].name)
    }

    fn reach_through(&self, at: usize, server: &Server, door: u16) -> Target {
        let mut target = self.target(at, server);
        target.url.set_port(Some(door)).unwrap();
        target
    }

    fn reach(&self, at: usize, server: &Server, database: &str) -> Target {
        let mut url: url::Url = server.url(database).parse().unwrap();
        if let Some((user, password)) = &self.login {
            url.set_username(user).unwrap();
            url.set_password(Some(password)).unwrap();
        }
        Target {
            engine: greylag_core::engine::Engine::from_scheme(url.scheme()).unwrap(),
            shard: name(at),
            url,
            password: None,
            schema: None,
            session_sql: Arc::from([]),
            project: "orders".into(),
            history_table: "greylag_schema_history".into(),
            connect_timeout: Duration::from_secs(10),
            application: "greylag/test".into(),
        }
    }

    /// A run in a task of its own, and what it tells.
    pub async fn run(&self, options: Options) -> (JoinHandle<Summary>, Told) {
        self.run_under(options, Control::new()).await
    }

    /// … that may be interrupted.
    pub async fn run_under(
        &self,
        options: Options,
        control: Control,
    ) -> (JoinHandle<Summary>, Told) {
        self.run_after(options, control, async || ()).await
    }

    /// … with something that happens once it is planned.
    pub async fn run_after(
        &self,
        options: Options,
        control: Control,
        between: impl AsyncFnOnce(),
    ) -> (JoinHandle<Summary>, Told) {
        let setup = self.setup().await;
        let ask = Ask {
            claim: self.claim,
            undo: self.undo.clone(),
            ..Ask::default()
        };
        let surveyed = survey_fleet(&setup, None, &Blind).await.unwrap();
        let prospect = look_ahead(&setup, &surveyed, &ask).await.unwrap();
        between().await;
        let told = Told::default();
        let ears = told.clone();
        let warnings = self.warnings.clone();
        let watcher = Arc::new(move |notice: &Notice| {
            let event = match notice {
                Notice::Event(stamped) => stamped.event.clone(),
                Notice::Live { event, .. } => event.clone(),
                Notice::Warning { text, .. } => {
                    eprintln!("warning: {text}");
                    return warnings.lock().unwrap().push(text.clone());
                }
                _ => return,
            };
            ears.lock().unwrap().push((Instant::now(), event));
        });
        let run = tokio::spawn(async move {
            let run = apply(&setup, surveyed, prospect, &ask, &options, control, watcher);
            run.await.unwrap()
        });
        (run, told)
    }

    /// A run that comes to its end.
    pub async fn done(&self) -> Told {
        let (run, told) = self.run(Options::default()).await;
        assert_done(&run.await.unwrap(), &told);
        told
    }

    /// Somebody reads `one` on a shard's primary, which keeps what changes it waiting, until this is committed or goes.
    pub async fn read_one(&self, at: usize) -> tokio_postgres::Client {
        let url = self.clusters[at].primary().url(&self.databases[at].name);
        session(&url, READ_ONE).await
    }

    /// Whether a server shows a table.
    pub async fn has(&self, server: &Server, at: usize, table: &str) -> bool {
        let sql = format!(
            "SELECT count(*) FROM information_schema.tables WHERE table_name = '{table}' AND table_schema NOT IN ('information_schema')"
        );
        let found = server.value(&self.databases[at].name, &sql).await.unwrap();
        found.as_deref() != Some("0")
    }

    /// Where a shard stands by the journal.
    pub async fn progress(&self, at: usize) -> Option<Progress> {
        let recorded = steering::show(&self.setup().await, None).await.unwrap();
        recorded.state.shard_progress(0, &name(at))
    }
}

pub fn name(at: usize) -> ShardName {
    format!("s{}", at + 1).parse().unwrap()
}

/// Waits until an event has been told, and says when it was.
pub async fn until(told: &Told, what: impl Fn(&Event) -> bool) -> Instant {
    let deadline = Instant::now() + greylag_lab::patience() * 2;
    loop {
        let found = told
            .lock()
            .unwrap()
            .iter()
            .find(|(_, event)| what(event))
            .map(|(at, _)| *at);
        if let Some(at) = found {
            return at;
        }
        assert!(
            Instant::now() < deadline,
            "not told: {:#?}",
            told.lock().unwrap()
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn policy() -> Policy {
    Policy {
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
            attempts: 3,
            base: Duration::from_millis(50),
            cap: Duration::from_secs(1),
        },
        lock_timeout: Duration::from_secs(1),
        // Some hold a lock for as long as something else takes: no deadline of ours must end that.
        lock_deadline: greylag_lab::patience() * 10,
        windows: Vec::new(),
        checks: Vec::new(),
        online: Default::default(),
    }
}

pub const READ_ONE: &str = "BEGIN; LOCK TABLE one IN ACCESS SHARE MODE";

/// A session of somebody else's in which this has been run: what it holds is let go when it goes.
pub async fn session(url: &str, sql: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client.batch_execute(sql).await.unwrap();
    client
}

/// For `until`: work on a shard began.
pub fn started(at: usize) -> impl Fn(&Event) -> bool {
    move |event| matches!(event, Event::ShardStarted { shard, .. } if *shard == name(at))
}

/// … is there, and nodes have yet to replay it.
pub fn replaying(at: usize) -> impl Fn(&Event) -> bool {
    move |event| matches!(event, Event::ShardReplaying { shard, .. } if *shard == name(at))
}

/// … ended.
pub fn ended(at: usize) -> impl Fn(&Event) -> bool {
    move |event| matches!(event, Event::ShardEnded { shard, .. } if *shard == name(at))
}

/// It came to its end well; else, what tools said tells why.
pub fn assert_done(summary: &Summary, told: &Told) {
    let said = lines(told);
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}\n{said:#?}");
}
