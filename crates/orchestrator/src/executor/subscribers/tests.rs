use super::*;
use crate::{
    control::Control,
    executor::{errand::Limits, errand::Reports, orphans::Orphans, scripts::Scripts},
    journal::{self, Holder, Lease, Location, Scope},
    setup::{Migrations, Servers},
};
use greylag_core::{
    fleet::Shard,
    migration::{Migration, Phase, Set},
    policy::{Group, Retry},
};
use greylag_engines::Target;
use greylag_lab::{Engine, Options, Server, TestDatabase};
use std::collections::BTreeMap;
use tokio::sync::{mpsc, watch};

/// A publisher and its subscriber, without a table; errands are put together by hand, since contracts are held before they
/// come to an executor.
struct Pair {
    publisher: (Server, TestDatabase),
    subscriber: (Server, TestDatabase),
    reports: mpsc::UnboundedSender<crate::executor::Report>,
    _told: mpsc::UnboundedReceiver<crate::executor::Report>,
    orphans: Orphans,
}

/// A journal without anything in it, nowhere.
async fn nothing_known() -> std::sync::Arc<dyn journal::Journal> {
    let path = "no folder/state.db".into();
    journal::look(&Location::Sqlite { path }).await.unwrap()
}

fn lease() -> Lease {
    Lease {
        scope: Scope {
            project: "orders".into(),
            environment: "test".into(),
        },
        holder: Holder::here("ann", "apply"),
        epoch: 1,
    }
}

impl Pair {
    async fn start() -> Option<Self> {
        if !greylag_lab::available(Engine::Postgres) {
            return None;
        }
        let publisher = Server::start(Engine::Postgres, Options::default()).await;
        let publisher = publisher.unwrap();
        let options = Options::default().on(publisher.installation().clone());
        let subscriber = Server::start(Engine::Postgres, options).await.unwrap();
        let there = publisher.database("pub").await.unwrap();
        let here = subscriber.database("sub").await.unwrap();
        let (reports, told) = mpsc::unbounded_channel();
        let pair = Self {
            publisher: (publisher, there),
            subscriber: (subscriber, here),
            reports,
            _told: told,
            orphans: Orphans::new(nothing_known().await, lease()),
        };
        pair.publish("CREATE PUBLICATION everything FOR ALL TABLES")
            .await;
        let at = format!(
            "host=127.0.0.1 port={} user=postgres password=greylag dbname={}",
            pair.publisher.0.port(),
            pair.publisher.1.name
        );
        pair.subscribe(&format!(
            "CREATE SUBSCRIPTION mirror CONNECTION '{at}' PUBLICATION everything"
        ))
        .await;
        Some(pair)
    }

    async fn publish(&self, sql: &str) {
        let (server, database) = &self.publisher;
        server.execute(&database.name, sql).await.unwrap();
    }

    async fn subscribe(&self, sql: &str) {
        let (server, database) = &self.subscriber;
        server.execute(&database.name, sql).await.unwrap();
    }

    async fn said((server, database): &(Server, TestDatabase), sql: &str) -> Option<String> {
        server.value(&database.name, sql).await.unwrap()
    }

    async fn until(&self, on: &(Server, TestDatabase), sql: &str, wanted: &str) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let found = Self::said(on, sql).await;
            if found.as_deref() == Some(wanted) {
                return;
            }
            assert!(Instant::now() < deadline, "{sql}: {found:?}, not {wanted}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn target(url: &str) -> Target {
        Target {
            engine: greylag_core::engine::Engine::Postgres,
            shard: "s1".parse().unwrap(),
            url: url.parse().unwrap(),
            password: None,
            schema: None,
            session_sql: Arc::from([]),
            project: "orders".into(),
            history_table: "greylag_schema_history".into(),
            connect_timeout: Duration::from_secs(10),
            application: "greylag/test".into(),
        }
    }

    fn errand(&self, phase: Phase, file: &str, text: &str) -> Errand {
        let target = Self::target(&self.publisher.1.url);
        let mirror = NamedNode {
            node: greylag_core::node::NodeName {
                shard: "s1".parse().unwrap(),
                node: "mirror".into(),
            },
            role: NodeRole::Subscriber,
            policy: NodePolicy::Guard,
            intake: Default::default(),
            target: Self::target(&self.subscriber.1.url),
        };
        let file = Migration::read(file, text.as_bytes(), None).unwrap();
        let id = file.id.clone();
        let migrations = Migrations {
            files: Arc::new(Set::new(Vec::new()).unwrap()),
            placeholders: BTreeMap::new(),
        };
        let name: ShardName = "s1".parse().unwrap();
        Errand {
            shard: FleetShard {
                shard: Shard {
                    name: name.clone(),
                    engine: target.engine,
                    host: "h1".into(),
                    schema: None,
                    labels: Arc::default(),
                },
                target: target.clone(),
                placeholders: Arc::default(),
            },
            work: Arc::from([id]),
            folder: std::path::Path::new(".").into(),
            beside: Arc::from([]),
            named: target,
            seeker: None,
            uuid: None,
            known: None,
            project: "orders".into(),
            environment: "test".into(),
            rollout: "r1".into(),
            epoch: 1,
            by: "ann".into(),
            scripts: Arc::new(Scripts::of(vec![file], &migrations).unwrap()),
            limits: Limits {
                group: Group::Auto,
                retry: Retry {
                    attempts: 3,
                    base: Duration::from_millis(50),
                    cap: Duration::from_secs(1),
                },
                lock_timeout: Duration::from_secs(1),
                lock_deadline: Duration::from_secs(60),
            },
            open: Arc::new(Servers),
            control: Control::new(),
            draining: watch::channel(false).1,
            anchor: None,
            take_over: false,
            orphans: self.orphans.clone(),
            sisters: None,
            reports: Reports::new(0, name, Default::default(), self.reports.clone()),
            replicated: true,
            holds: watch::channel(Arc::from([])).1,
            online: Arc::default(),
            standbys: Standbys::none(),
            subscribers: Arc::from([mirror]),
            phase,
            subscribes: false,
            shares: None,
        }
    }
}

const OLD: &str = "SELECT count(*) FROM information_schema.columns WHERE table_name = 'one' AND column_name = 'old'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contract_runs_on_the_publisher_first_and_there_once_the_last_old_row_is_applied() {
    let Some(pair) = Pair::start().await else {
        return;
    };
    let expand = pair.errand(
        Phase::Expand,
        "V1__one.sql",
        "CREATE TABLE one (id int PRIMARY KEY, old int)",
    );
    assert_eq!(carry_out(&expand).await, Outcome::Applied);
    pair.subscribe("ALTER SUBSCRIPTION mirror REFRESH PUBLICATION")
        .await;
    pair.publish("INSERT INTO one VALUES (1, 1)").await;
    let rows = "SELECT string_agg(id::text, ' ' ORDER BY id) FROM one";
    pair.until(&pair.subscriber, rows, "1").await;

    // A row with the old column that is still to come when the publisher drops it.
    pair.subscribe("ALTER SUBSCRIPTION mirror DISABLE").await;
    pair.publish("INSERT INTO one VALUES (2, 2)").await;
    let text = "-- greylag:phase contract\n-- greylag:change less\nALTER TABLE one DROP COLUMN old";
    let contract = pair.errand(Phase::Contract, "V2__less.sql", text);
    let again = contract.clone();
    let contract = tokio::spawn(async move { carry_out(&contract).await });
    pair.until(&pair.publisher, OLD, "0").await;
    assert_eq!(
        Pair::said(&pair.subscriber, OLD).await.as_deref(),
        Some("1")
    );
    assert!(!contract.is_finished());
    pair.subscribe("ALTER SUBSCRIPTION mirror ENABLE").await;
    assert_eq!(contract.await.unwrap(), Outcome::Applied);
    assert_eq!(
        Pair::said(&pair.subscriber, OLD).await.as_deref(),
        Some("0")
    );
    pair.publish("INSERT INTO one VALUES (3)").await;
    pair.until(&pair.subscriber, rows, "1 2 3").await;
    let version =
        "SELECT string_agg(version, ' ' ORDER BY installed_rank) FROM greylag_schema_history";
    assert_eq!(
        Pair::said(&pair.subscriber, version).await.as_deref(),
        Some("1 2")
    );
    assert_eq!(
        carry_out(&again).await,
        Outcome::Applied,
        "nothing is left to do"
    );
}

/// A crash between the two: the publisher has it, and the subscriber does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contract_whose_answer_was_lost_is_not_done_before_the_subscriber_has_it() {
    let Some(pair) = Pair::start().await else {
        return;
    };
    let make = "CREATE TABLE one (id int PRIMARY KEY, old int)";
    let expand = pair.errand(Phase::Expand, "V1__one.sql", make);
    assert_eq!(carry_out(&expand).await, Outcome::Applied);
    let text = "-- greylag:phase contract\n-- greylag:change less\nALTER TABLE one DROP COLUMN old";
    let contract = pair.errand(Phase::Contract, "V2__less.sql", text);
    let mut alone = contract.clone();
    alone.subscribers = Arc::from([]);
    assert_eq!(carry_out(&alone).await, Outcome::Applied);
    let found = crate::executor::find_out(&contract).await;
    assert_eq!(found, Outcome::absent(), "to be gone through again");
    assert_eq!(carry_out(&contract).await, Outcome::Applied);
    assert_eq!(
        Pair::said(&pair.subscriber, OLD).await.as_deref(),
        Some("0")
    );
}
