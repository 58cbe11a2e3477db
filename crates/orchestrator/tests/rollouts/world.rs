//! A small project in a temporary folder: shards as SQLite files, migrations as texts, a journal.

use greylag_core::{
    engine::Engine,
    event::Stamped,
    fleet::{Shard, ShardName},
    migration::{Migration, Set},
    policy::{Budget, Group, Policy, Retry, Size, WaveRule},
};
use greylag_engines::Target;
use greylag_orchestrator::{
    Control, Fleet, FleetShard, Migrations, Notice, Setup,
    apply::{ApplyError, Options, Summary, apply, settle_first},
    journal::{self, Location},
    planning::{Ask, Prospect, look_ahead},
    replicas::Replication,
    setup::Servers,
    steering::{Acknowledged, Request, SteerError, steer},
    survey::survey_fleet,
    watch::{Blind, Watcher},
};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};
use tempfile::TempDir;
use tokio::task::JoinHandle;

pub struct World {
    pub folder: TempDir,
    pub files: BTreeMap<String, String>,
    pub shards: Vec<ShardName>,
    pub policy: Policy,
    pub state: &'static str,
    pub placeholders: BTreeMap<String, String>,
    pub environment: &'static str,
    pub checks: Vec<greylag_orchestrator::gates::CheckRule>,
}

impl World {
    /// So many empty shards, called `s01`, `s02`, ….
    pub fn new(shards: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shards = (1..=shards)
            .map(|n| {
                let name = format!("s{n:02}");
                rusqlite::Connection::open(folder.path().join(format!("{name}.db")))
                    .unwrap()
                    .execute_batch("PRAGMA user_version = 0; VACUUM")
                    .unwrap();
                name.parse().unwrap()
            })
            .collect();
        Self {
            folder,
            files: BTreeMap::new(),
            shards,
            policy: policy(),
            state: "state/state.db",
            placeholders: BTreeMap::new(),
            environment: "test",
            checks: Vec::new(),
        }
    }

    pub fn file(&mut self, name: &str, text: &str) -> &mut Self {
        self.files.insert(name.into(), text.into());
        self
    }

    pub fn path(&self, shard: &str) -> PathBuf {
        self.folder.path().join(format!("{shard}.db"))
    }

    pub fn sql(&self, shard: &str, sql: &str) {
        rusqlite::Connection::open(self.path(shard))
            .unwrap()
            .execute_batch(sql)
            .unwrap();
    }

    pub fn count(&self, shard: &str, sql: &str) -> i64 {
        rusqlite::Connection::open(self.path(shard))
            .unwrap()
            .query_row(sql, [], |row| row.get(0))
            .unwrap()
    }

    /// How often the shard's history has a version as done.
    pub fn applied(&self, shard: &str, version: &str) -> i64 {
        self.count(
            shard,
            &format!(
                "SELECT count(*) FROM greylag_schema_history WHERE version = '{version}' AND success"
            ),
        )
    }

    pub fn fleet(&self) -> Fleet {
        Fleet {
            project: "orders".into(),
            environment: self.environment.into(),
            shards: self
                .shards
                .iter()
                .map(|name| FleetShard {
                    shard: Shard {
                        name: name.clone(),
                        engine: Engine::Sqlite,
                        host: "here".into(),
                        schema: None,
                        labels: Arc::default(),
                    },
                    target: Target {
                        engine: Engine::Sqlite,
                        shard: name.clone(),
                        url: format!("sqlite:{}", self.path(name.as_str()).display())
                            .parse()
                            .unwrap(),
                        password: None,
                        schema: None,
                        session_sql: Arc::from([]),
                        project: "orders".into(),
                        history_table: "greylag_schema_history".into(),
                        connect_timeout: Duration::from_secs(5),
                        application: "greylag/test".into(),
                    },
                    placeholders: Arc::default(),
                })
                .collect(),
        }
    }

    pub async fn setup(&self) -> Setup {
        let files = self
            .files
            .iter()
            .map(|(name, text)| Migration::read(name, text.as_bytes(), None).unwrap())
            .collect();
        Setup {
            fleet: self.fleet(),
            folder: self.folder.path().into(),
            migrations: Migrations {
                files: Arc::new(Set::new(files).unwrap()),
                placeholders: self.placeholders.clone(),
            },
            policy: self.policy.clone(),
            checks: self.checks.clone(),
            lint: None,
            seats: greylag_orchestrator::primary::Seats::default(),
            replication: Replication::default(),
            journal: journal::open(&Location::Sqlite {
                path: self.folder.path().join(self.state),
            })
            .await
            .unwrap(),
            open: Arc::new(Servers),
            by: "ann@test".into(),
        }
    }

    pub async fn apply(&self) -> Result<Summary, ApplyError> {
        self.apply_as(&Ask::default(), &Options::default()).await
    }

    pub async fn apply_as(&self, ask: &Ask, options: &Options) -> Result<Summary, ApplyError> {
        self.apply_after(ask, options, async |_| ()).await
    }

    /// … with something that happens once it is planned.
    pub async fn apply_after(
        &self,
        ask: &Ask,
        options: &Options,
        between: impl AsyncFnOnce(&Prospect),
    ) -> Result<Summary, ApplyError> {
        let setup = self.setup().await;
        let surveyed = survey_fleet(&setup, None, &Blind).await?;
        let prospect = look_ahead(&setup, &surveyed, ask).await?;
        between(&prospect).await;
        apply(
            &setup,
            surveyed,
            prospect,
            ask,
            options,
            Control::new(),
            Arc::new(Blind),
        )
        .await
    }

    /// What is to be settled before a changed plan is carried out is settled, which must be needed. None where all is.
    pub async fn settle(&self, options: &Options) -> Option<Summary> {
        let setup = self.setup().await;
        let ask = Ask::default();
        let surveyed = survey_fleet(&setup, None, &Blind).await.unwrap();
        let prospect = look_ahead(&setup, &surveyed, &ask).await.unwrap();
        assert!(
            matches!(prospect, Prospect::SettleFirst { .. }),
            "{prospect:#?}"
        );
        let (control, watcher) = (Control::new(), Arc::new(Blind));
        let settled = settle_first(
            &setup, &surveyed, &prospect, &ask, options, control, watcher,
        );
        // It waits for what it need not: nothing would come of it.
        tokio::time::timeout(greylag_lab::patience(), settled)
            .await
            .expect("it waits")
            .unwrap()
    }

    /// As `apply`, in a task of its own, under a control and a watcher.
    pub async fn start(
        &self,
        options: Options,
        control: Control,
        watcher: Arc<dyn Watcher>,
    ) -> JoinHandle<Result<Summary, ApplyError>> {
        let setup = self.setup().await;
        let ask = Ask::default();
        let surveyed = survey_fleet(&setup, None, &Blind).await.unwrap();
        let prospect = look_ahead(&setup, &surveyed, &ask).await.unwrap();
        tokio::spawn(async move {
            apply(&setup, surveyed, prospect, &ask, &options, control, watcher).await
        })
    }

    /// As `apply`, with everything that was told.
    pub async fn apply_watched(&self) -> (Result<Summary, ApplyError>, Vec<Notice>) {
        let told: Arc<Mutex<Vec<Notice>>> = Arc::default();
        let ears = told.clone();
        let setup = self.setup().await;
        let ask = Ask::default();
        let surveyed = survey_fleet(&setup, None, &Blind).await.unwrap();
        let prospect = look_ahead(&setup, &surveyed, &ask).await.unwrap();
        let ended = apply(
            &setup,
            surveyed,
            prospect,
            &ask,
            &Options::default(),
            Control::new(),
            Arc::new(move |notice: &Notice| ears.lock().unwrap().push(notice.clone())),
        )
        .await;
        let told = told.lock().unwrap().clone();
        (ended, told)
    }

    pub async fn prospect(&self) -> Prospect {
        let setup = self.setup().await;
        let surveyed = survey_fleet(&setup, None, &Blind).await.unwrap();
        look_ahead(&setup, &surveyed, &Ask::default())
            .await
            .unwrap()
    }

    pub async fn steer(&self, request: Request) -> Result<Acknowledged, SteerError> {
        steer(&self.setup().await, None, request).await
    }
}

pub fn events(told: &[Notice]) -> Vec<Stamped> {
    told.iter()
        .filter_map(|notice| match notice {
            Notice::Event(stamped) => Some(stamped.clone()),
            _ => None,
        })
        .collect()
}

pub fn policy() -> Policy {
    Policy {
        waves: vec![wave("fleet", Size::Rest)],
        max_in_flight: 8,
        max_per_host: 8,
        failure_budget: Budget::Shards(0),
        group: Group::Auto,
        out_of_order: false,
        retry: Retry {
            attempts: 2,
            base: Duration::from_millis(10),
            cap: Duration::from_millis(50),
        },
        lock_timeout: Duration::from_millis(500),
        lock_deadline: Duration::from_secs(5),
        windows: Vec::new(),
        checks: Vec::new(),
        online: Default::default(),
    }
}

pub fn wave(name: &str, size: Size) -> WaveRule {
    WaveRule {
        name: name.into(),
        select: None,
        size,
        soak: Duration::ZERO,
        approval: false,
    }
}

/// Comes back when it is so; polls.
pub async fn wait_for(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = std::time::Instant::now() + greylag_lab::patience();
    while !is_so().await {
        assert!(std::time::Instant::now() < deadline, "{what} did not come");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
