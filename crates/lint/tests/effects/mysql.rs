//! MySQL and MariaDB: what they accept with which ALGORITHM and LOCK, and whether the table is written anew.

use greylag_core::{
    engine::{Dialect, Engine},
    script::split,
    trace::Measured,
};
use greylag_lab::Server;
use greylag_lint::{
    ServerVersion,
    effects::{self, Algorithm},
};

use super::{servers, tracer::tracer};

const FIXTURE: &str = include_str!("../../effects/mysql.sql");

#[tokio::test(flavor = "multi_thread")]
async fn every_clause_is_what_mysql_does() {
    let mut wrong = Vec::new();
    for server in servers::of(greylag_lab::Engine::MySql).await {
        wrong.extend(compare(Engine::Mysql, &server).await);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_clause_is_what_mariadb_does() {
    let mut wrong = Vec::new();
    for server in servers::of(greylag_lab::Engine::MariaDb).await {
        wrong.extend(compare(Engine::Mariadb, &server).await);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What differs from what is said.
async fn compare(engine: Engine, server: &Server) -> Vec<String> {
    let version = server
        .value("mysql", "SELECT VERSION()")
        .await
        .unwrap()
        .unwrap();
    let version: ServerVersion = version.parse().unwrap();
    let (mut wrong, mut measured) = (Vec::new(), 0);
    for clause in effects::clauses(engine) {
        for sql in &clause.sql {
            // MariaDB takes no ALGORITHM beside work on partitions.
            if engine == Engine::Mariadb && sql.contains("PARTITION") {
                continue;
            }
            // These functions came with 11.7.
            if sql.contains("UUID_V") && version < ServerVersion::new(11, 7, 0) {
                continue;
            }
            let database = server.database("clause").await.unwrap().name;
            server.execute(&database, FIXTURE).await.unwrap();
            let said = clause.at(version);
            let seen = measure(engine, server, &database, sql).await;
            measured += 1;
            if said != seen {
                wrong.push(format!(
                    "{engine} {version} {}: {sql}\n    said {said:?}, is {seen:?}",
                    clause.id
                ));
            }
            server
                .execute("mysql", &format!("DROP DATABASE {database}"))
                .await
                .unwrap();
        }
    }
    assert!(measured > 35, "{measured}");
    wrong
}

/// The lightest way that the server takes, and whether it refuses to let writes go on.
async fn measure(
    engine: Engine,
    server: &Server,
    database: &str,
    sql: &str,
) -> Option<(Algorithm, bool)> {
    let table = sql.split_whitespace().nth(2).unwrap();
    let behind = sql.find(table).unwrap() + table.len();
    let comma = if sql.contains("REMOVE PARTITIONING") {
        ""
    } else {
        ","
    };
    let with = |options: &str| format!("{} {options}{comma}{}", &sql[..behind], &sql[behind..]);
    let mut tracer = tracer(engine, server, database).await;
    let mut ran = async |options: &str| {
        let script = split(Dialect::Mysql, with(options)).unwrap();
        let mut traced = tracer.trace(&script, false).await.unwrap();
        traced
            .refused
            .is_none()
            .then(|| traced.statements.remove(0))
    };
    let way = lightest(sql, &mut ran).await;
    tracer.close().await;
    way
}

async fn lightest(
    sql: &str,
    ran: &mut impl AsyncFnMut(&str) -> Option<Measured>,
) -> Option<(Algorithm, bool)> {
    if let Some(measured) = ran("ALGORITHM=INSTANT").await {
        let renamed = sql.contains("RENAME TO");
        // MariaDB takes the word for some work that it does by copying all the same.
        let copied = !renamed && !measured.rewritten.is_empty();
        return Some(if copied {
            (Algorithm::Copy, true)
        } else {
            (Algorithm::Instant, false)
        });
    }
    for (options, waits) in [
        ("ALGORITHM=INPLACE, LOCK=NONE", false),
        ("ALGORITHM=INPLACE, LOCK=SHARED", true),
    ] {
        let Some(measured) = ran(options).await else {
            continue;
        };
        let algorithm = if !measured.rewritten.is_empty() {
            Algorithm::InplaceRebuild
        } else if measured.built.iter().any(|one| one.index_of.is_some()) {
            Algorithm::InplaceBuild
        } else {
            Algorithm::InplaceMetadata
        };
        return Some((algorithm, waits));
    }
    let copied = ran("ALGORITHM=COPY").await;
    copied.unwrap_or_else(|| panic!("{sql} is refused"));
    Some((Algorithm::Copy, true))
}
