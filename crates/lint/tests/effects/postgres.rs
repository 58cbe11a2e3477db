//! PostgreSQL: locks by role, files written anew, rows read, and lock records in the WAL.

use greylag_core::engine::Dialect;
use greylag_lab::Server;
use greylag_lint::{
    ServerVersion,
    effects::{self, Effect, Rewrite, Role, StandbyEffect},
};
use std::collections::BTreeMap;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use super::{fixture, servers};

/// The part that each relation of the fixture plays.
const ROLES: [(&str, Role); 15] = [
    ("t", Role::Target),
    ("bare", Role::Target),
    ("mv", Role::Target),
    ("v", Role::Target),
    ("g", Role::Target),
    ("holder", Role::Target),
    ("ref", Role::Referenced),
    ("part", Role::Parent),
    ("rest", Role::Parent),
    ("rest_1", Role::Partition),
    ("part_1", Role::Partition),
    ("part_2", Role::Partition),
    ("t_pkey", Role::Index),
    ("t_v", Role::Index),
    ("t_k_unique", Role::Index),
];

/// From the weakest.
const LOCKS: [(&str, &str); 8] = [
    ("AccessShareLock", "ACCESS SHARE"),
    ("RowShareLock", "ROW SHARE"),
    ("RowExclusiveLock", "ROW EXCLUSIVE"),
    ("ShareUpdateExclusiveLock", "SHARE UPDATE EXCLUSIVE"),
    ("ShareLock", "SHARE"),
    ("ShareRowExclusiveLock", "SHARE ROW EXCLUSIVE"),
    ("ExclusiveLock", "EXCLUSIVE"),
    ("AccessExclusiveLock", "ACCESS EXCLUSIVE"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_effect_is_what_postgres_does() {
    let mut wrong = Vec::new();
    for server in servers::of(greylag_lab::Engine::Postgres).await {
        wrong.extend(compare(&server).await);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What differs from what is said.
async fn compare(server: &Server) -> Vec<String> {
    let version: ServerVersion = server.installation().version.parse().unwrap();
    let template = fixture::database(server).await;
    // It came with 15; readers of a standby tell the same of 14 (standby.rs).
    let walinspect = server
        .execute(&template, "CREATE EXTENSION pg_walinspect")
        .await
        .is_ok();
    assert!(
        walinspect || server.installation().major() < 15,
        "pg_walinspect is missing"
    );
    let mut wrong = Vec::new();
    let mut measured = 0;
    for effect in effects::all(Dialect::Postgres) {
        if !effect.is_known_to(version) {
            continue;
        }
        for (number, sql) in effect.sql.iter().enumerate() {
            let database = format!("effect_{measured}_{number}");
            let copy = format!("CREATE DATABASE {database} TEMPLATE {template}");
            server.execute("postgres", &copy).await.unwrap();
            let seen = if effect.outside_transaction {
                outside(server, &database, sql).await
            } else {
                inside(server, &database, sql).await
            };
            measured += 1;
            if let Some(difference) = difference(effect, &seen) {
                let id = &effect.id;
                wrong.push(format!("{version} {id}: {sql}\n    {difference}"));
            }
            server
                .execute(
                    "postgres",
                    &format!("DROP DATABASE {database} WITH (FORCE)"),
                )
                .await
                .unwrap();
        }
    }
    assert!(measured > 60, "{measured}");
    println!("PostgreSQL {version}: {measured} measured");
    wrong
}

/// What a statement was seen to do.
#[derive(Debug, Default)]
struct Seen {
    /// The strongest by role, above ACCESS SHARE.
    locks: BTreeMap<Role, &'static str>,
    table_written: bool,
    index_written: bool,
    /// Rows read one after the other; None where it can't be told.
    scanned: Option<bool>,
    /// Lock records in the WAL: on tables, on indexes; None where it can't be told.
    logged: Option<(bool, bool)>,
}

fn difference(effect: &Effect, seen: &Seen) -> Option<String> {
    let mut told = Vec::new();
    for (_, role) in ROLES {
        // DETACH CONCURRENTLY waits between its two transactions, holding nothing.
        if effect.outside_transaction && role != Role::Target {
            continue;
        }
        let (claimed, real) = (effect.lock(role), seen.locks.get(&role).copied());
        // Several statements of an effect need not touch all of its relations.
        let other =
            claimed.is_some() && real.is_none() && effect.sql.len() > 1 && role != Role::Target;
        if claimed != real && !other && role != Role::Index {
            told.push(format!("{role:?}: said {claimed:?}, is {real:?}"));
        }
    }
    let rewrite = match (seen.table_written, seen.index_written) {
        (true, _) => Rewrite::Table,
        (false, true) => Rewrite::Indexes,
        (false, false) => Rewrite::None,
    };
    if effect.rewrite != rewrite {
        told.push(format!(
            "rewrite: said {:?}, is {rewrite:?}",
            effect.rewrite
        ));
    }
    let standby = seen.logged.map(|logged| match logged {
        (true, _) => StandbyEffect::Table,
        (false, true) => StandbyEffect::Index,
        (false, false) => StandbyEffect::None,
    });
    if let Some(standby) = standby
        && effect.standby != standby
    {
        told.push(format!(
            "standby: said {:?}, is {standby:?}",
            effect.standby
        ));
    }
    if seen.scanned.is_some_and(|scanned| scanned != effect.scan) {
        told.push(format!("scan: said {}, is {:?}", effect.scan, seen.scanned));
    }
    told.dedup();
    (!told.is_empty()).then(|| told.join("; "))
}

async fn connect(server: &Server, database: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(&server.superuser_url(database), NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client
}

async fn inside(server: &Server, database: &str, sql: &str) -> Seen {
    let client = connect(server, database).await;
    let before = Before::of(&client).await;
    client.batch_execute("BEGIN").await.unwrap();
    client
        .batch_execute(sql)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    let mut seen = Seen {
        locks: locks(&client, "pg_backend_pid()", &before.oids).await,
        ..Seen::default()
    };
    let read = "SELECT coalesce(max(seq_tup_read), 0) FROM pg_stat_xact_user_tables WHERE relname IN ('t', 't_renamed')";
    let read: u64 = value(&client, read).await.parse().unwrap();
    let full = sql.contains(" t ")
        || sql.ends_with(" t")
        || (sql.contains("mv") && !sql.contains("VIEW mv"));
    seen.scanned = (full && !sql.starts_with("DELETE")).then_some(read >= 1_000);
    (seen.table_written, seen.index_written) = before.written(&client).await;
    client.batch_execute("ROLLBACK").await.unwrap();
    seen.logged = before.logged(&client).await;
    seen
}

/// Held up half-way by a transaction that has the table open, so that its locks can be looked at.
async fn outside(server: &Server, database: &str, sql: &str) -> Seen {
    let (client, holder, looker) = (
        connect(server, database).await,
        connect(server, database).await,
        connect(server, database).await,
    );
    let before = Before::of(&looker).await;
    let refused = client.batch_execute(&format!("BEGIN; {sql}")).await;
    assert!(refused.is_err(), "{sql} runs in a transaction");
    client.batch_execute("ROLLBACK").await.unwrap();
    // A reader of all of them, so that a parent's statement waits too.
    holder.batch_execute("BEGIN; SELECT count(*) FROM t; SELECT count(*) FROM part; UPDATE t SET a = a WHERE id = 1").await.unwrap();
    let pid = value(&client, "SELECT pg_backend_pid()").await;
    let work = tokio::spawn({
        let sql = sql.to_owned();
        async move { client.batch_execute(&sql).await }
    });
    let waits = format!("SELECT count(*) FROM pg_locks WHERE pid = {pid} AND NOT granted");
    let deadline = std::time::Instant::now() + greylag_lab::patience();
    while value(&looker, &waits).await == "0" && !work.is_finished() {
        assert!(
            std::time::Instant::now() < deadline,
            "{sql} neither waits nor ends"
        );
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let locks = locks(&looker, &pid, &before.oids).await;
    holder.batch_execute("ROLLBACK").await.unwrap();
    work.await
        .unwrap()
        .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    let (table_written, index_written) = before.written(&looker).await;
    let logged = before.logged(&looker).await;
    Seen {
        locks,
        table_written,
        index_written,
        scanned: None,
        logged,
    }
}

async fn rows(client: &Client, sql: &str) -> Vec<Vec<String>> {
    let messages = client
        .simple_query(sql)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    let rows = messages.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(
            (0..row.len())
                .map(|at| row.get(at).unwrap_or_default().to_owned())
                .collect(),
        ),
        _ => None,
    });
    rows.collect()
}

async fn value(client: &Client, sql: &str) -> String {
    rows(client, sql).await[0][0].clone()
}

async fn locks(
    client: &Client,
    pid: &str,
    oids: &BTreeMap<String, &'static str>,
) -> BTreeMap<Role, &'static str> {
    let sql = format!(
        "SELECT relation, mode FROM pg_locks WHERE pid = {pid} AND relation IS NOT NULL AND granted"
    );
    let mut strongest: BTreeMap<Role, usize> = BTreeMap::new();
    for row in rows(client, &sql).await {
        let Some(name) = oids.get(&row[0]) else {
            continue;
        };
        let (_, role) = ROLES.iter().find(|(relation, _)| relation == name).unwrap();
        let strength = LOCKS.iter().position(|(mode, _)| *mode == row[1]).unwrap();
        let found = strongest.entry(*role).or_default();
        *found = (*found).max(strength);
    }
    strongest.retain(|_, strength| *strength > 0);
    strongest
        .into_iter()
        .map(|(role, strength)| (role, LOCKS[strength].1))
        .collect()
}

/// The fixture before the statement.
struct Before {
    /// Object identifiers of the relations that play a part.
    oids: BTreeMap<String, &'static str>,
    /// By name: an index that was built anew beside the old one is another relation.
    files: BTreeMap<String, String>,
    lsn: String,
}

impl Before {
    async fn of(client: &Client) -> Before {
        let relations = rows(
            client,
            "SELECT oid, relname FROM pg_class WHERE relnamespace = 'public'::regnamespace",
        )
        .await;
        let oids = relations
            .iter()
            .filter_map(|row| {
                let (name, _) = ROLES.iter().find(|(name, _)| *name == row[1])?;
                Some((row[0].clone(), *name))
            })
            .collect();
        Before {
            oids,
            files: files(client).await,
            lsn: value(client, "SELECT pg_current_wal_insert_lsn()").await,
        }
    }

    /// Whether tables, and whether indexes, have other files now.
    async fn written(&self, client: &Client) -> (bool, bool) {
        let mut written = (false, false);
        for (name, now) in files(client).await {
            let part = ROLES.iter().find(|(relation, _)| *relation == name);
            let (Some(then), Some((_, role))) = (self.files.get(&name), part) else {
                continue;
            };
            if *then != now {
                if *role == Role::Index {
                    written.1 = true
                } else {
                    written.0 = true
                }
            }
        }
        written
    }

    /// Whether lock records of tables, and of indexes, went into the WAL.
    async fn logged(&self, client: &Client) -> Option<(bool, bool)> {
        let there = "SELECT count(*) FROM pg_extension WHERE extname = 'pg_walinspect'";
        if value(client, there).await == "0" {
            return None;
        }
        client
            .batch_execute("SELECT pg_switch_wal()")
            .await
            .unwrap();
        // 16 took away the function that reads to the end, and lets the other one do so.
        let from = if value(client, "SHOW server_version_num").await < "160000".to_owned() {
            format!("pg_get_wal_records_info_till_end_of_wal('{}')", self.lsn)
        } else {
            format!(
                "pg_get_wal_records_info('{}', 'FFFFFFFF/FFFFFFFF')",
                self.lsn
            )
        };
        let sql = format!(
            "SELECT description FROM {from} WHERE resource_manager = 'Standby' AND record_type = 'LOCK'"
        );
        let mut logged = (false, false);
        for row in rows(client, &sql).await {
            let words: Vec<&str> = row[0].split_whitespace().collect();
            for pair in words.windows(2).filter(|pair| pair[0] == "rel") {
                let Some(name) = self.oids.get(pair[1].trim_end_matches(';')) else {
                    continue;
                };
                let role = ROLES
                    .iter()
                    .find(|(relation, _)| relation == name)
                    .unwrap()
                    .1;
                match role {
                    Role::Index => logged.1 = true,
                    _ => logged.0 = true,
                }
            }
        }
        Some(logged)
    }
}

async fn files(client: &Client) -> BTreeMap<String, String> {
    let sql = "SELECT relname, pg_relation_filenode(oid) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i', 'm')";
    rows(client, sql)
        .await
        .into_iter()
        .map(|row| (row[0].clone(), row[1].clone()))
        .collect()
}
