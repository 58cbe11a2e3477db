//! Reading one's own writes on MySQL and MariaDB, a primary with two replicas each.

use greylag_client::{Answer, Because, Position, Role, Tracker, Written, mariadb, mysql};
use greylag_lab::{Cluster, Engine, Options, Server, available};
use mysql_async::{Conn, Opts, prelude::Queryable};
use std::time::{Duration, Instant};

/// Nothing may be asked of this account but what is asked of any.
const USER: &str = "greylag_plain";

#[tokio::test]
async fn a_write_to_mysql_is_never_missed_while_a_replica_is_paused() {
    never_missed(Engine::MySql, mysql::AFTER_WRITE, mysql::LOOK).await;
}

#[tokio::test]
async fn a_write_to_mariadb_is_never_missed_while_a_replica_is_paused() {
    never_missed(Engine::MariaDb, mariadb::AFTER_WRITE, mariadb::LOOK).await;
}

#[tokio::test]
async fn replicas_of_mysql_are_chosen_for_positions_from_before_a_failover() {
    let promote = [
        "STOP REPLICA",
        "RESET REPLICA ALL",
        "SET GLOBAL super_read_only = OFF, GLOBAL read_only = OFF",
    ];
    let follow = |port| {
        vec![
            "STOP REPLICA".to_owned(),
            format!("CHANGE REPLICATION SOURCE TO SOURCE_PORT={port}"),
            "START REPLICA".to_owned(),
        ]
    };
    after_a_failover(
        Engine::MySql,
        mysql::AFTER_WRITE,
        mysql::LOOK,
        &promote,
        follow,
    )
    .await;
}

#[tokio::test]
async fn replicas_of_mariadb_are_chosen_for_positions_from_before_a_failover() {
    let promote = [
        "STOP SLAVE",
        "RESET SLAVE ALL",
        "SET GLOBAL read_only = OFF",
    ];
    let follow = |port| {
        vec![
            "STOP SLAVE".to_owned(),
            format!("CHANGE MASTER TO MASTER_PORT={port}"),
            "START SLAVE".to_owned(),
        ]
    };
    after_a_failover(
        Engine::MariaDb,
        mariadb::AFTER_WRITE,
        mariadb::LOOK,
        &promote,
        follow,
    )
    .await;
}

#[tokio::test]
async fn mysql_without_gtids_says_that_it_cannot_tell() {
    if !available(Engine::MySql) {
        return;
    }
    let options = Options::default()
        .set("gtid_mode", "OFF")
        .set("enforce_gtid_consistency", "OFF");
    let server = Server::start(Engine::MySql, options).await.unwrap();
    let mut link = connect(&server, "greylag", "").await.unwrap();
    let position: Option<Option<String>> = link.query_first(mysql::AFTER_WRITE).await.unwrap();
    assert_eq!(position, Some(None));
    let answer = look(&mut link, mysql::LOOK).await;
    assert_eq!(answer.position, None);
}

#[tokio::test]
async fn mariadb_names_no_place_to_a_session_that_wrote_nothing() {
    if !available(Engine::MariaDb) {
        return;
    }
    let server = greylag_lab::shared(Engine::MariaDb).await.unwrap();
    let mut link = connect(&server, USER, "").await.unwrap();
    let position: Option<String> = link.query_first(mariadb::AFTER_WRITE).await.unwrap();
    assert_eq!(position.as_deref(), Some("domains:"));
}

async fn never_missed(engine: Engine, after_write: &str, look_sql: &str) {
    let Some(fleet) = Fleet::start(engine, look_sql).await else {
        return;
    };
    fleet.cluster.pause_replay(0).await.unwrap();
    let mut tracker = Tracker::new(["primary", "paused", "follows"]);
    for number in 1..=40 {
        let written = fleet.write("primary", number, after_write).await;
        let written: Written = written.to_string().parse().unwrap();
        fleet.look(&mut tracker).await;
        let position = written.at("shop").unwrap();
        let choice = tracker.choose(Some(position), Instant::now()).unwrap();
        assert_ne!(choice.node, "paused");
        if choice.role == Role::Primary {
            assert!(matches!(
                choice.because,
                Because::Behind { nearest: Some(_) }
            ));
        }
        assert_eq!(fleet.read(choice.node, number).await, 1, "{choice:?}");
        if number == 1 {
            assert_eq!(fleet.replica_for(&mut tracker, position).await, "follows");
        }
    }
    let last = fleet.write("primary", 41, after_write).await;
    fleet.cluster.resume_replay(0).await.unwrap();
    fleet.cluster.wait_replayed().await.unwrap();
    fleet.look(&mut tracker).await;
    assert!(tracker.everywhere(last.at("shop").unwrap(), Instant::now()));
}

async fn after_a_failover(
    engine: Engine,
    after_write: &str,
    look_sql: &str,
    promote: &[&str],
    follow: impl Fn(u16) -> Vec<String>,
) {
    let Some(fleet) = Fleet::start(engine, look_sql).await else {
        return;
    };
    let before = fleet.write("primary", 1, after_write).await;
    fleet.cluster.wait_replayed().await.unwrap();
    fleet.cluster.primary().kill();
    let (promoted, other) = (fleet.cluster.replica(0), fleet.cluster.replica(1));
    for statement in promote {
        promoted.execute("", statement).await.unwrap();
    }
    for statement in follow(promoted.port()) {
        other.execute("", &statement).await.unwrap();
    }
    let mut tracker = Tracker::new(["primary", "paused", "follows"]);
    let chosen = fleet
        .replica_for(&mut tracker, before.at("shop").unwrap())
        .await;
    assert_eq!(chosen, "follows");
    assert_eq!(fleet.read("follows", 1).await, 1);
    // On top of what was written before.
    let mut written = before;
    let after = fleet.write("paused", 2, after_write).await;
    written.note("shop", after.at("shop").unwrap().clone());
    let chosen = fleet
        .replica_for(&mut tracker, written.at("shop").unwrap())
        .await;
    assert_eq!(chosen, "follows");
    assert_eq!(fleet.read("follows", 2).await, 1);
}

struct Fleet<'a> {
    cluster: Cluster,
    database: String,
    look: &'a str,
}

impl<'a> Fleet<'a> {
    /// A primary with two replicas, and a table that the plain account may read.
    async fn start(engine: Engine, look: &'a str) -> Option<Fleet<'a>> {
        if !available(engine) {
            return None;
        }
        let cluster = Cluster::start(engine, 2).await.unwrap();
        let database = cluster.database("shop").await.unwrap().name;
        let grant = format!("GRANT SELECT ON `{database}`.* TO {USER}@'%'");
        let primary = cluster.primary();
        primary.execute("", &grant).await.unwrap();
        primary
            .execute(&database, "CREATE TABLE notes (id bigint PRIMARY KEY)")
            .await
            .unwrap();
        cluster.wait_replayed().await.unwrap();
        Some(Fleet {
            cluster,
            database,
            look,
        })
    }

    fn node(&self, name: &str) -> &Server {
        match name {
            "primary" => self.cluster.primary(),
            "paused" => self.cluster.replica(0),
            _ => self.cluster.replica(1),
        }
    }

    async fn write(&self, node: &str, number: i64, after_write: &str) -> Written {
        let mut link = connect(self.node(node), "greylag", &self.database)
            .await
            .unwrap();
        let insert = format!("INSERT INTO notes VALUES ({number})");
        link.query_drop(insert).await.unwrap();
        let position: Option<String> = link.query_first(after_write).await.unwrap();
        let mut written = Written::default();
        written.note("shop", position.expect("a row").parse().unwrap());
        written
    }

    async fn read(&self, node: &str, number: i64) -> i64 {
        let mut link = connect(self.node(node), USER, &self.database)
            .await
            .unwrap();
        let count = format!("SELECT count(*) FROM notes WHERE id = {number}");
        link.query_first(count).await.unwrap().expect("a row")
    }

    async fn look(&self, tracker: &mut Tracker) {
        for name in ["primary", "paused", "follows"] {
            let asked = Instant::now();
            match connect(self.node(name), USER, &self.database).await {
                Ok(mut link) => {
                    let answer = look(&mut link, self.look).await;
                    tracker.answered(name, asked, answer);
                }
                Err(_) => tracker.silent(name, asked),
            }
        }
    }

    /// Looks until a replica is chosen for a position.
    async fn replica_for(&self, tracker: &mut Tracker, position: &Position) -> String {
        let deadline = Instant::now() + greylag_lab::patience();
        loop {
            self.look(tracker).await;
            match tracker.choose(Some(position), Instant::now()) {
                Ok(choice) if choice.role == Role::Replica => return choice.node.to_owned(),
                _ => assert!(Instant::now() < deadline, "in vain: {tracker:?}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn look(link: &mut Conn, sql: &str) -> Answer {
    let row: Option<(String, Option<String>)> = link.query_first(sql).await.unwrap();
    let (role, position) = row.expect("a row");
    Answer::read(&role, position.as_deref()).unwrap()
}

async fn connect(server: &Server, user: &str, database: &str) -> Result<Conn, mysql_async::Error> {
    let url = server.url_through(server.port(), user, database);
    // The driver knows one scheme for both.
    let url = url.replacen("mariadb://", "mysql://", 1);
    Conn::new(Opts::from_url(&url).expect("a URL")).await
}
