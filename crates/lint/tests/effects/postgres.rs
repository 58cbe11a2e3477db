//! PostgreSQL: locks by role, files written anew, rows read, and lock records in the WAL.

use greylag_core::{
    engine::{Dialect, Engine},
    script::split,
    trace::{Measured, Relation},
};
use greylag_lab::Server;
use greylag_lint::{
    ServerVersion,
    effects::{self, Effect, Rewrite, Role, StandbyEffect},
};
use std::collections::BTreeMap;

use super::{fixture, servers, tracer::tracer};

/// The part that each relation of the fixture plays.
const ROLES: [(&str, Role); 23] = [
    ("t", Role::Target),
    ("bare", Role::Target),
    ("mv", Role::Target),
    ("v", Role::Target),
    ("g", Role::Target),
    ("holder", Role::Target),
    ("kept_off", Role::Target),
    ("wide", Role::Target),
    ("keyless", Role::Target),
    ("numbered", Role::Target),
    ("keyless_id", Role::Index),
    ("keyless_k", Role::Index),
    ("wide_e", Role::Index),
    ("wide_p", Role::Index),
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
const LOCKS: [&str; 7] = [
    "ROW SHARE",
    "ROW EXCLUSIVE",
    "SHARE UPDATE EXCLUSIVE",
    "SHARE",
    "SHARE ROW EXCLUSIVE",
    "EXCLUSIVE",
    "ACCESS EXCLUSIVE",
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
    let mut wrong = Vec::new();
    let mut measured = 0;
    for effect in effects::all(Dialect::Postgres) {
        if !effect.is_known_to(version) {
            continue;
        }
        for (number, sql) in effect.statements().enumerate() {
            let database = format!("effect_{measured}_{number}");
            let copy = format!("CREATE DATABASE {database} TEMPLATE {template}");
            server.execute("postgres", &copy).await.unwrap();
            let seen = measure(server, &database, effect, sql).await;
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
        let other = claimed.is_some()
            && real.is_none()
            && effect.statements().count() > 1
            && role != Role::Target;
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

async fn measure(server: &Server, database: &str, effect: &Effect, sql: &str) -> Seen {
    let inside = !effect.outside_transaction;
    if !inside {
        let refused = server.execute(database, &format!("BEGIN; {sql}")).await;
        assert!(refused.is_err(), "{sql} runs in a transaction");
    }
    let mut tracer = tracer(Engine::Postgres, server, database).await;
    let script = split(Dialect::Postgres, sql).unwrap();
    let traced = tracer.trace(&script, inside).await.unwrap();
    tracer.close().await;
    assert!(traced.refused.is_none(), "{sql}: {:?}", traced.refused);
    seen(&traced.statements[0], sql)
}

fn seen(measured: &Measured, sql: &str) -> Seen {
    let mut seen = Seen::default();
    let mut strongest: BTreeMap<Role, usize> = BTreeMap::new();
    for lock in &measured.locks {
        if let Some(role) = role_of(&lock.on) {
            let strength = LOCKS.iter().position(|mode| *mode == lock.mode).unwrap();
            let found = strongest.entry(role).or_default();
            *found = (*found).max(strength);
        }
    }
    let locks = strongest.into_iter();
    seen.locks = locks
        .map(|(role, strength)| (role, LOCKS[strength]))
        .collect();
    for role in measured.rewritten.iter().filter_map(role_of) {
        match role {
            Role::Index => seen.index_written = true,
            _ => seen.table_written = true,
        }
    }
    let full = sql.contains(" t ")
        || sql.contains(" wide ")
        || sql.contains(" keyless ")
        || sql.ends_with(" t")
        || (sql.contains("mv") && !sql.contains("VIEW mv"));
    let read = measured.read.as_ref();
    seen.scanned = read
        // TRUNCATE builds the empty indexes of the empty table.
        .filter(|_| full && !sql.starts_with("DELETE") && !sql.starts_with("TRUNCATE"))
        .map(|read| {
            let mut names = read.iter().map(|table| table.name.as_str());
            names.any(|name| matches!(name, "t" | "wide" | "keyless"))
        });
    // What reads the log came with 15; readers of a standby tell the same of 14 (standby.rs).
    seen.logged = measured.replayed_locks.as_ref().map(|logged| {
        let roles: Vec<Role> = logged.iter().filter_map(role_of).collect();
        let index = roles.contains(&Role::Index);
        (roles.iter().any(|role| *role != Role::Index), index)
    });
    seen
}

fn role_of(relation: &Relation) -> Option<Role> {
    let (_, role) = ROLES.iter().find(|(name, _)| *name == relation.name)?;
    Some(*role)
}
