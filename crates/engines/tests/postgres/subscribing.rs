//! Logical subscribers: they get migrations themselves, and keep their own history.

use crate::{
    bench::{HISTORY, applied, lock, open, ready, target, until, wrapped},
    nodes::Watch,
};
use greylag_core::{node::NodeSighting, survey::Role};
use greylag_engines::{Claim, Session};
use greylag_lab::{Engine, Options, Server, TestDatabase};

struct Pair {
    publisher: Server,
    subscriber: Server,
    there: TestDatabase,
    here: TestDatabase,
}

impl Pair {
    async fn start() -> Option<Self> {
        if !greylag_lab::available(Engine::Postgres) {
            return None;
        }
        let publisher = Server::start(Engine::Postgres, Options::default());
        let publisher = publisher.await.unwrap();
        let options = Options::default().on(publisher.installation().clone());
        let subscriber = Server::start(Engine::Postgres, options).await.unwrap();
        let there = publisher.database("pub").await.unwrap();
        let here = subscriber.database("sub").await.unwrap();
        Some(Self {
            publisher,
            subscriber,
            there,
            here,
        })
    }

    async fn publish(&self, sql: &str) {
        self.publisher.execute(&self.there.name, sql).await.unwrap();
    }

    async fn on_subscriber(&self, sql: &str) {
        self.subscriber.execute(&self.here.name, sql).await.unwrap();
    }

    async fn subscribe(&self) {
        self.publish("CREATE PUBLICATION everything FOR ALL TABLES")
            .await;
        let at = format!(
            "host=127.0.0.1 port={} user=postgres password=greylag dbname={}",
            self.publisher.port(),
            self.there.name
        );
        self.on_subscriber(&format!(
            "CREATE SUBSCRIPTION mirror CONNECTION '{at}' PUBLICATION everything"
        ))
        .await;
    }

    async fn value(&self, sql: &str) -> Option<String> {
        self.subscriber.value(&self.here.name, sql).await.unwrap()
    }

    /// Waits until the subscriber has the row that is written now.
    async fn marked(&self, number: u32) {
        self.publish(&format!("INSERT INTO mark VALUES ({number})"))
            .await;
        until("the mark comes through", async || {
            let sql = format!("SELECT id FROM mark WHERE id = {number}");
            self.value(&sql).await.is_some()
        })
        .await;
    }

    async fn session(&self) -> Box<dyn Session> {
        let mut session = open(&target(&self.here.url)).await;
        lock(session.as_mut()).await;
        session.prepare(&own()).await.unwrap();
        session
    }
}

/// The subscriber is somebody of its own.
fn own() -> Claim {
    let mut claim = crate::bench::claim();
    claim.identity.uuid = uuid::Uuid::from_u128(43);
    claim.identity.name = "eu-1.mirror".parse().unwrap();
    claim
}

fn stands(seen: &NodeSighting) -> bool {
    let subscription = &seen.subscriptions[0];
    subscription.running && subscription.syncing == 0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shielded_subscriber_keeps_its_own_history_though_all_tables_are_published() {
    let Some(pair) = Pair::start().await else {
        return;
    };
    let make = "CREATE TABLE mark (id int PRIMARY KEY)";
    pair.publish(make).await;
    pair.on_subscriber(make).await;
    let mut publisher = ready(&target(&pair.there.url)).await;
    applied(publisher.as_mut(), &wrapped("V1", "SELECT 1")).await;
    let mut subscriber = pair.session().await;
    subscriber.shield().await.unwrap();
    subscriber.shield().await.unwrap();
    pair.subscribe().await;
    let mut watch = Watch::on(&pair.here.url).await;
    watch.until("all is copied", stands).await;

    // The copy brought nothing of the publisher's, the stream brings nothing, and our own writes go through.
    let v2 = wrapped("V2", "CREATE TABLE orders (id int PRIMARY KEY)");
    applied(subscriber.as_mut(), &v2).await;
    applied(publisher.as_mut(), &v2).await;
    pair.marked(1).await;
    let versions =
        format!("SELECT string_agg(version, ' ' ORDER BY installed_rank) FROM {HISTORY}");
    assert_eq!(pair.value(&versions).await.as_deref(), Some("2"));
    let names = "SELECT string_agg(name, ' ') FROM greylag_shard";
    assert_eq!(pair.value(names).await.as_deref(), Some("eu-1.mirror"));
    let survey = subscriber.survey().await.unwrap();
    assert_eq!(survey.role, Role::Primary);
    assert_eq!(survey.identity.unwrap().name.as_str(), "eu-1.mirror");
    let theirs = publisher.survey().await.unwrap();
    assert_ne!(survey.server.lineage, theirs.server.lineage);
    let seen = watch.see().await;
    assert!(stands(&seen));
    let found = subscriber.diagnose().await.unwrap();
    assert!(
        !found
            .iter()
            .any(|line| line.what.contains("history is not")),
        "{found:?}"
    );
    let found = publisher.diagnose().await.unwrap();
    assert!(
        found.iter().any(|line| line.what.contains("everything")),
        "{found:?}"
    );
}

/// What the shield is for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_shield_the_publishers_history_collides_with_the_subscribers() {
    let Some(pair) = Pair::start().await else {
        return;
    };
    let mut publisher = ready(&target(&pair.there.url)).await;
    let mut subscriber = pair.session().await;
    pair.publish("DELETE FROM greylag_shard").await;
    pair.subscribe().await;
    let mut watch = Watch::on(&pair.here.url).await;
    watch.until("all is copied", stands).await;
    let found = subscriber.diagnose().await.unwrap();
    assert!(
        found
            .iter()
            .any(|line| line.what.contains("history is not")),
        "{found:?}"
    );

    applied(subscriber.as_mut(), &wrapped("V1", "SELECT 1")).await;
    applied(publisher.as_mut(), &wrapped("V1", "SELECT 1")).await;
    until("apply stops at the duplicate key", async || {
        std::fs::read_to_string(pair.subscriber.log_file())
            .unwrap()
            .contains("greylag_schema_history_pk")
    })
    .await;
    // Shielded late, it goes on by itself: the row that stood in its way is let pass by.
    subscriber.shield().await.unwrap();
    watch.until("it applies again", stands).await;
}

/// The order that Greylag keeps, and what comes of the other one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_column_that_the_publisher_has_first_stops_apply_and_one_that_comes_first_does_not() {
    let Some(pair) = Pair::start().await else {
        return;
    };
    let make = "CREATE TABLE mark (id int PRIMARY KEY)";
    pair.publish(make).await;
    pair.on_subscriber(make).await;
    pair.subscribe().await;
    let mut watch = Watch::on(&pair.here.url).await;
    watch.until("all is copied", stands).await;
    let mut publisher = Watch::on(&pair.there.url).await;
    let tables = publisher.0.published().await.unwrap();
    assert_eq!(tables, Some(vec!["public.mark".to_owned()]));
    assert_eq!(watch.0.published().await.unwrap(), None);

    // Subscriber first: nothing happens.
    pair.on_subscriber("ALTER TABLE mark ADD a int").await;
    pair.publish("ALTER TABLE mark ADD a int").await;
    pair.marked(1).await;
    let top = publisher.see().await;
    let child = top.children.iter().find(|child| child.name == "mirror");
    assert!(child.unwrap().logical, "no replica");
    let seen = watch
        .until("it is known how far it got", |seen| {
            let there = top.position.as_ref().unwrap();
            let received = seen.subscriptions[0].received_in(there);
            received.is_some_and(|received| received.behind(there).is_some())
        })
        .await;
    let subscription = &seen.subscriptions[0];
    assert_eq!(subscription.slot.as_deref(), Some("mirror"));
    assert_eq!(subscription.publications, ["everything"]);
    let text = serde_json::to_string(&seen).unwrap();
    assert_eq!(serde_json::from_str::<NodeSighting>(&text).unwrap(), seen);

    // Publisher first: apply stops at the first row that carries the column.
    pair.publish("ALTER TABLE mark ADD b int; INSERT INTO mark VALUES (2, 2, 2)")
        .await;
    let seen = watch
        .until("the worker is gone", |seen| {
            let subscription = &seen.subscriptions[0];
            !subscription.running && subscription.apply_errors != Some(0)
        })
        .await;
    assert!(seen.subscriptions[0].enabled);
    let slot = publisher
        .until("the slot is left alone", |seen| !seen.slots[0].active)
        .await
        .slots
        .remove(0);
    assert!(slot.logical && slot.retained_bytes.is_some());
    pair.on_subscriber("ALTER TABLE mark ADD b int").await;
    watch.until("it applies again", stands).await;
    pair.marked(3).await;
    pair.on_subscriber("ALTER SUBSCRIPTION mirror DISABLE")
        .await;
    watch
        .until("it is told to be disabled", |seen| {
            !seen.subscriptions[0].enabled
        })
        .await;
}
