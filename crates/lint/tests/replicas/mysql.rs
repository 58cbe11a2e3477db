//! MySQL and MariaDB: readers that hold up replay, filters by database, events and definers, and how many instant changes
//! a table may have.

use greylag_lab::{Cluster, Engine, Server};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

async fn cluster(engine: Engine) -> Option<(Cluster, String)> {
    if !greylag_lab::available(engine) {
        return None;
    }
    let cluster = Cluster::start(engine, 1).await.unwrap();
    let database = cluster.primary().database("shop").await.unwrap().name;
    let table = "CREATE TABLE t (id BIGINT PRIMARY KEY) ENGINE=InnoDB";
    cluster.primary().execute(&database, table).await.unwrap();
    cluster.wait_replayed().await.unwrap();
    Some((cluster, database))
}

async fn columns(server: &Server, database: &str) -> String {
    let sql = format!(
        "SELECT COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '{database}' AND TABLE_NAME = 't'"
    );
    server.value("mysql", &sql).await.unwrap().unwrap()
}

/// Until the query answers so.
async fn wait_for(server: &Server, sql: &str, wanted: &str) {
    let deadline = Instant::now() + greylag_lab::patience();
    loop {
        let now = server.value("mysql", sql).await.unwrap();
        if now.as_deref() == Some(wanted) {
            return;
        }
        assert!(Instant::now() < deadline, "{sql} is {now:?}, not {wanted}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// Of the lint's rule `replica-reader-blocks-replay`.
async fn a_reader_blocks_replay(engine: Engine) {
    let Some((cluster, database)) = cluster(engine).await else {
        return;
    };
    let replica = cluster.replica(0);
    // It has read the table, and keeps its transaction open.
    let reader = {
        let sql = "START TRANSACTION; SELECT COUNT(*) FROM t; SELECT SLEEP(600)";
        let reading = replica.execute(&database, sql);
        tokio::pin!(reading);
        let sleeps = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT SLEEP(600)%'";
        tokio::select! {
            ended = &mut reading => panic!("the reader ended: {ended:?}"),
            () = wait_for(replica, sleeps, "1") => {}
        }
        let alter = "ALTER TABLE t ADD COLUMN total BIGINT NULL";
        tokio::select! {
            ended = &mut reading => panic!("the reader ended: {ended:?}"),
            done = cluster.primary().execute(&database, alter) => done.unwrap(),
        }
        // INSTANT on the primary, and yet its replay waits for the reader.
        let waits = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for table metadata lock%'";
        tokio::select! {
            ended = &mut reading => panic!("the reader ended: {ended:?}"),
            () = wait_for(replica, waits, "1") => {}
        }
        assert_eq!(columns(replica, &database).await, "1");
        assert_eq!(columns(cluster.primary(), &database).await, "2");
        let id =
            "SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT SLEEP(600)%'";
        replica.value("mysql", id).await.unwrap().unwrap()
    };
    // The connection went with its future on this side; on the server it is ended by its number.
    let _ = replica.execute("mysql", &format!("KILL {reader}")).await;
    cluster.wait_replayed().await.unwrap();
    assert_eq!(columns(replica, &database).await, "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_on_a_replica_of_mysql_holds_up_an_instant_change() {
    a_reader_blocks_replay(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_on_a_replica_of_mariadb_holds_up_an_instant_change() {
    a_reader_blocks_replay(Engine::MariaDb).await;
}

/// Of `names-database` and `definer-may-be-missing`.
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_filters_by_the_default_database_and_lets_events_and_definers_be() {
    let Some((cluster, shop)) = cluster(Engine::MySql).await else {
        return;
    };
    let (primary, replica) = (cluster.primary(), cluster.replica(0));
    // Events sleep there, and an account that is not there is no account.
    let event = "CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM t";
    let view = "CREATE DEFINER = 'nobody_here'@'10.0.0.7' VIEW v AS SELECT id FROM t";
    for sql in [event, view] {
        primary.execute(&shop, sql).await.unwrap();
    }
    cluster.wait_replayed().await.unwrap();
    let status =
        format!("SELECT STATUS FROM information_schema.EVENTS WHERE EVENT_SCHEMA = '{shop}'");
    let there = replica.value("mysql", &status).await.unwrap().unwrap();
    assert!(there.contains("SIDE_DISABLED"), "{there}");
    assert_eq!(
        primary.value("mysql", &status).await.unwrap().unwrap(),
        "ENABLED"
    );
    let read = replica.execute(&shop, "SELECT * FROM v").await.unwrap_err();
    assert!(read.to_string().contains("definer"), "{read}");
    // A filter goes by the database of the connection, not by the one that is named.
    let other = primary.database("other").await.unwrap().name;
    cluster.wait_replayed().await.unwrap();
    for sql in [
        "STOP REPLICA SQL_THREAD".to_owned(),
        format!("CHANGE REPLICATION FILTER REPLICATE_DO_DB = ({shop})"),
        "START REPLICA SQL_THREAD".to_owned(),
    ] {
        replica.execute("mysql", &sql).await.unwrap();
    }
    let named = format!("ALTER TABLE {shop}.t ADD COLUMN lost BIGINT NULL");
    primary.execute(&other, &named).await.unwrap();
    let own = "ALTER TABLE t ADD COLUMN kept BIGINT NULL";
    primary.execute(&shop, own).await.unwrap();
    let last = format!(
        "SELECT GROUP_CONCAT(COLUMN_NAME ORDER BY ORDINAL_POSITION) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '{shop}' AND TABLE_NAME = 't'"
    );
    wait_for(replica, &last, "id,kept").await;
    assert_eq!(
        primary.value("mysql", &last).await.unwrap().unwrap(),
        "id,lost,kept"
    );
}

/// Of `instant-versions-used-up`, `online-log-overflows` and `primary-key-guard-lifted`.
#[tokio::test(flavor = "multi_thread")]
async fn mysql_takes_so_many_instant_changes_and_no_more() {
    let Some(server) = greylag_lab::require(Engine::MySql).await else {
        return;
    };
    let database = server.database("instant").await.unwrap().name;
    server
        .execute(&database, "CREATE TABLE t (id BIGINT PRIMARY KEY)")
        .await
        .unwrap();
    let version: greylag_lint::ServerVersion = server.installation().version.parse().unwrap();
    let limit = if version >= greylag_lint::ServerVersion::new(9, 1, 0) {
        255
    } else {
        64
    };
    let add = |n: u32| format!("ALTER TABLE t ADD COLUMN c{n} INT NULL, ALGORITHM=INSTANT");
    for n in 0..limit {
        let answer = server.execute(&database, &add(n)).await;
        assert!(answer.is_ok(), "{n}: {answer:?}");
    }
    let refused = server.execute(&database, &add(limit)).await.unwrap_err();
    assert!(refused.to_string().contains("row version"), "{refused}");
    let versions = format!(
        "SELECT TOTAL_ROW_VERSIONS FROM information_schema.INNODB_TABLES WHERE NAME = '{database}/t'"
    );
    let now = server.value("mysql", &versions).await.unwrap().unwrap();
    assert_eq!(now, limit.to_string());
    // Without a word it is written anew, and begins again.
    server
        .execute(&database, "ALTER TABLE t ADD COLUMN last INT NULL")
        .await
        .unwrap();
    assert_eq!(
        server.value("mysql", &versions).await.unwrap().unwrap(),
        "0"
    );
    for name in [
        "sql_require_primary_key",
        "sql_generate_invisible_primary_key",
        "innodb_online_alter_log_max_size",
    ] {
        let there = server
            .value("mysql", &format!("SELECT @@global.{name}"))
            .await;
        assert!(there.is_ok(), "{name}: {there:?}");
    }
    let demand = "SET SESSION sql_require_primary_key = ON; CREATE TABLE bare (id BIGINT)";
    assert!(server.execute(&database, demand).await.is_err());
}

/// Of `cascade-not-logged`: whether the binary log has the rows that go along, when a row is deleted that another table references.
async fn logs_what_goes_along(engine: Engine) -> Option<bool> {
    let server = greylag_lab::require(engine).await?;
    let database = server.database("cascade").await.unwrap().name;
    let tables = "CREATE TABLE p (id INT PRIMARY KEY) ENGINE=InnoDB; \
        CREATE TABLE c (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE) ENGINE=InnoDB; \
        INSERT INTO p VALUES (1); INSERT INTO c VALUES (1, 1), (2, 1)";
    server.execute(&database, tables).await.unwrap();
    let delete = "DELETE FROM p WHERE id = 1";
    server.execute(&database, delete).await.unwrap();
    let left = server.value(&database, "SELECT COUNT(*) FROM c").await;
    assert_eq!(left.unwrap().unwrap(), "0");
    let logs = server.rows("mysql", "SHOW BINARY LOGS").await.unwrap();
    // Each event of rows names its table by a number, which an event before it gives the table.
    let mut names = BTreeMap::new();
    let mut deleted = BTreeSet::new();
    for log in logs {
        let file = log[0].1.clone().unwrap();
        let events = format!("SHOW BINLOG EVENTS IN '{file}'");
        for event in server.rows("mysql", &events).await.unwrap() {
            let of = |name: &str| {
                let column = event.iter().find(|(own, _)| own == name);
                let value = column.and_then(|(_, value)| value.clone());
                value.unwrap_or_default()
            };
            let (kind, info) = (of("Event_type"), of("Info"));
            let number = info.strip_prefix("table_id: ").unwrap_or_default();
            let number = number.split_whitespace().next().unwrap_or_default();
            if kind == "Table_map" {
                names.insert(number.to_owned(), info);
            } else if kind.starts_with("Delete_rows") {
                deleted.extend(names.get(number).cloned());
            }
        }
    }
    let has = |table: &str| {
        let table = format!("({database}.{table})");
        deleted.iter().any(|info: &String| info.contains(&table))
    };
    assert!(has("p"), "{deleted:?}");
    Some(has("c"))
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_a_foreign_key_deletes_are_in_the_log_of_newer_mysqls_alone() {
    if let Some(logs) = logs_what_goes_along(Engine::MariaDb).await {
        assert!(!logs);
    }
    if let Some(logs) = logs_what_goes_along(Engine::MySql).await {
        assert!(logs);
    }
}
