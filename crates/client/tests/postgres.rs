//! Reading one's own writes on a PostgreSQL primary with two standbys.

use greylag_client::{Answer, Because, NoNode, Position, Role, Tracker, Written, postgres};
use greylag_lab::{Cluster, Engine, Server, available};
use std::time::{Duration, Instant};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// Nothing may be asked of this account but what is asked of any.
const USER: &str = "greylag_plain";

#[tokio::test]
async fn a_write_is_never_missed_while_a_replica_is_paused() {
    let Some(fleet) = Fleet::start().await else {
        return;
    };
    let cluster = &fleet.cluster;
    cluster.pause_replay(0).await.unwrap();
    let mut tracker = Tracker::new(["primary", "paused", "follows"]);
    let (mut from_replica, mut from_primary) = (0, 0);
    for number in 1..=40 {
        let written = fleet.write(number).await;
        let cookie = written.to_string();
        let written: Written = cookie.parse().unwrap();
        fleet.look(&mut tracker).await;
        let choice = tracker
            .choose(written.at("shop"), Instant::now())
            .expect("a node");
        assert_ne!(choice.node, "paused");
        match choice.role {
            Role::Replica => from_replica += 1,
            Role::Primary => {
                from_primary += 1;
                assert!(matches!(
                    choice.because,
                    Because::Behind { nearest: Some(_) }
                ));
            }
        }
        assert_eq!(fleet.read(choice.node, number).await, 1, "{choice:?}");
        if number == 1 {
            // It does follow: the second replica is worth waiting for.
            cluster_follows(&fleet, &mut tracker, written.at("shop").unwrap()).await;
        }
    }
    assert_eq!(from_replica + from_primary, 40);

    // What a replica has replayed is read there, and in turn.
    let last = fleet.write(41).await;
    cluster.resume_replay(0).await.unwrap();
    cluster.wait_replayed().await.unwrap();
    fleet.look(&mut tracker).await;
    let position = last.at("shop").unwrap();
    assert!(tracker.everywhere(position, Instant::now()));
    let mut nodes = [(); 2].map(|()| {
        let choice = tracker.choose(Some(position), Instant::now()).unwrap();
        choice.node.to_owned()
    });
    nodes.sort();
    assert_eq!(nodes, ["follows", "paused"]);
    for node in nodes {
        assert_eq!(fleet.read(&node, 41).await, 1);
    }
}

#[tokio::test]
async fn a_commit_that_nobody_waited_for_is_within_its_position() {
    let Some(fleet) = Fleet::start().await else {
        return;
    };
    fleet
        .primary
        .batch_execute("SET synchronous_commit = off")
        .await
        .unwrap();
    fleet.cluster.pause_replay(0).await.unwrap();
    let mut tracker = Tracker::new(["primary", "paused", "follows"]);
    for number in 1..=20 {
        let written = fleet.write(number).await;
        cluster_follows(&fleet, &mut tracker, written.at("shop").unwrap()).await;
        assert_eq!(fleet.read("follows", number).await, 1);
    }
}

#[tokio::test]
async fn after_a_promotion_old_positions_are_read_on_the_new_primary() {
    let Some(mut fleet) = Fleet::start().await else {
        return;
    };
    // In `pg_monitor`: others see a standby's new timeline at its next restart point only, minutes later.
    fleet.looks_as = "greylag";
    let cluster = &fleet.cluster;
    let before = fleet.write(1).await;
    cluster.wait_replayed().await.unwrap();
    cluster.primary().kill();
    // The second standby follows the first, which becomes the primary.
    let (promoted, other) = (cluster.replica(0), cluster.replica(1));
    promoted
        .execute("postgres", "SELECT pg_promote()")
        .await
        .unwrap();
    let mut tracker = Tracker::new(["primary", "paused", "follows"]);
    let choice = fleet
        .until(&mut tracker, |tracker| {
            let choice = tracker
                .choose(before.at("shop"), Instant::now())
                .ok()
                .filter(|choice| choice.because == Because::OtherStream)?;
            Some(choice.node.to_owned())
        })
        .await;
    assert_eq!(choice, "paused");
    assert_eq!(fleet.read(&choice, 1).await, 1);

    // A write on the new primary is read there too, until the other standby follows on the new timeline.
    let client = connect(promoted, "greylag", &fleet.database).await;
    let written = write(&client, 2).await;
    fleet.look(&mut tracker).await;
    let choice = tracker.choose(written.at("shop"), Instant::now()).unwrap();
    assert_eq!((choice.node, choice.role), ("paused", Role::Primary));
    let source = format!(
        "ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port={} user=postgres password=greylag'",
        promoted.port()
    );
    other.execute("postgres", &source).await.unwrap();
    other
        .execute("postgres", "SELECT pg_reload_conf()")
        .await
        .unwrap();
    let chosen = fleet
        .until(&mut tracker, |tracker| {
            let choice = tracker.choose(written.at("shop"), Instant::now()).ok()?;
            (choice.role == Role::Replica).then(|| choice.node.to_owned())
        })
        .await;
    assert_eq!(chosen, "follows");
    assert_eq!(fleet.read("follows", 2).await, 1);
}

#[tokio::test]
async fn without_any_primary_a_position_that_no_replica_has_is_an_error() {
    let Some(fleet) = Fleet::start().await else {
        return;
    };
    fleet.cluster.pause_replay(0).await.unwrap();
    fleet.cluster.pause_replay(1).await.unwrap();
    let written = fleet.write(1).await;
    let mut tracker = Tracker::new(["primary", "paused", "follows"]);
    fleet.look(&mut tracker).await;
    fleet.cluster.primary().kill();
    fleet.look(&mut tracker).await;
    assert!(matches!(
        tracker.choose(written.at("shop"), Instant::now()),
        Err(NoNode::NoPrimary { .. })
    ));
    // Who wrote nothing is served all the same.
    assert!(tracker.choose(None, Instant::now()).is_ok());
}

struct Fleet {
    cluster: Cluster,
    database: String,
    primary: Client,
    /// Who looks.
    looks_as: &'static str,
}

impl Fleet {
    /// A primary with two standbys, and a table that any account may read.
    async fn start() -> Option<Fleet> {
        if !available(Engine::Postgres) {
            return None;
        }
        let cluster = Cluster::start(Engine::Postgres, 2).await.unwrap();
        let database = cluster.database("shop").await.unwrap().name;
        let primary = connect(cluster.primary(), "greylag", &database).await;
        let table = "CREATE TABLE notes (id bigint PRIMARY KEY); GRANT SELECT ON notes TO PUBLIC";
        primary.batch_execute(table).await.unwrap();
        cluster.wait_replayed().await.unwrap();
        Some(Fleet {
            cluster,
            database,
            primary,
            looks_as: USER,
        })
    }

    fn nodes(&self) -> [(&'static str, &Server); 3] {
        [
            ("primary", self.cluster.primary()),
            ("paused", self.cluster.replica(0)),
            ("follows", self.cluster.replica(1)),
        ]
    }

    async fn write(&self, number: i64) -> Written {
        write(&self.primary, number).await
    }

    async fn read(&self, node: &str, number: i64) -> i64 {
        let nodes = self.nodes();
        let (_, server) = nodes.iter().find(|(name, _)| *name == node).unwrap();
        let client = connect(server, USER, &self.database).await;
        let row = client
            .query_one("SELECT count(*) FROM notes WHERE id = $1", &[&number])
            .await;
        row.unwrap().get(0)
    }

    async fn look(&self, tracker: &mut Tracker) {
        for (name, server) in self.nodes() {
            let asked = Instant::now();
            match try_connect(server, self.looks_as, &self.database).await {
                Ok(client) => {
                    let row = client.query_one(postgres::LOOK, &[]).await.unwrap();
                    let answer = Answer::read(row.get(0), row.get(1)).unwrap();
                    tracker.answered(name, asked, answer);
                }
                Err(_) => tracker.silent(name, asked),
            }
        }
    }

    /// Looks until there is something to see.
    async fn until<T>(&self, tracker: &mut Tracker, see: impl Fn(&Tracker) -> Option<T>) -> T {
        let deadline = Instant::now() + greylag_lab::patience();
        loop {
            self.look(tracker).await;
            if let Some(seen) = see(tracker) {
                return seen;
            }
            assert!(Instant::now() < deadline, "in vain: {tracker:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Looks until the replica that isn't paused is chosen for a position.
async fn cluster_follows(fleet: &Fleet, tracker: &mut Tracker, position: &Position) {
    let chosen = fleet
        .until(tracker, |tracker| {
            let choice = tracker.choose(Some(position), Instant::now()).ok()?;
            (choice.role == Role::Replica).then(|| choice.node.to_owned())
        })
        .await;
    assert_eq!(chosen, "follows");
}

/// A row, and the position in the same message.
async fn write(client: &Client, number: i64) -> Written {
    let message = format!(
        "BEGIN; INSERT INTO notes VALUES ({number}); COMMIT; {}",
        postgres::AFTER_WRITE
    );
    let answer = client.simple_query(&message).await.unwrap();
    let position = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    let mut written = Written::default();
    written.note("shop", position.expect("a row").parse().unwrap());
    written
}

async fn connect(server: &Server, user: &str, database: &str) -> Client {
    try_connect(server, user, database).await.unwrap()
}

async fn try_connect(
    server: &Server,
    user: &str,
    database: &str,
) -> Result<Client, tokio_postgres::Error> {
    let url = server.url_through(server.port(), user, database);
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}
