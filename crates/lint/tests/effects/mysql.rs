//! MySQL and MariaDB: what they accept with which ALGORITHM and LOCK, and whether the table is written anew.

use greylag_core::engine::Engine;
use greylag_lab::Server;
use greylag_lint::{
    ServerVersion,
    effects::{self, Algorithm},
};

use super::servers;
use std::collections::BTreeSet;

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
    let before = Stored::of(engine, server, database, table).await;
    if server
        .execute(database, &with("ALGORITHM=INSTANT"))
        .await
        .is_ok()
    {
        let after = Stored::of(engine, server, database, table).await;
        let renamed = sql.contains("RENAME TO");
        // MariaDB takes the word for some work that it does by copying all the same.
        let copied = !renamed && !before.ids.is_subset(&after.ids);
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
        if server.execute(database, &with(options)).await.is_err() {
            continue;
        }
        let after = Stored::of(engine, server, database, table).await;
        let algorithm = if !before.ids.is_subset(&after.ids) {
            Algorithm::InplaceRebuild
        } else if after.indexes > before.indexes {
            Algorithm::InplaceBuild
        } else {
            Algorithm::InplaceMetadata
        };
        return Some((algorithm, waits));
    }
    let copied = server.execute(database, &with("ALGORITHM=COPY")).await;
    copied.unwrap_or_else(|error| panic!("{sql}: {error}"));
    Some((Algorithm::Copy, true))
}

/// A table as InnoDB stores it: another number means that it was written anew.
#[derive(Debug)]
struct Stored {
    /// Of partitions, one each.
    ids: BTreeSet<String>,
    indexes: usize,
}

impl Stored {
    async fn of(engine: Engine, server: &Server, database: &str, table: &str) -> Stored {
        let sys = if engine == Engine::Mariadb {
            "INNODB_SYS"
        } else {
            "INNODB"
        };
        let names = format!("NAME = '{database}/{table}' OR NAME LIKE '{database}/{table}#%'");
        let ids = format!("SELECT TABLE_ID FROM information_schema.{sys}_TABLES WHERE {names}");
        let indexes = format!(
            "SELECT COUNT(*) FROM information_schema.{sys}_INDEXES i JOIN information_schema.{sys}_TABLES t USING (TABLE_ID) WHERE t.NAME = '{database}/{table}'"
        );
        let ids = server.rows("mysql", &ids).await.unwrap();
        let indexes = server
            .value("mysql", &indexes)
            .await
            .unwrap()
            .unwrap_or_default();
        Stored {
            ids: ids.into_iter().filter_map(|mut row| row.pop()?.1).collect(),
            indexes: indexes.parse().unwrap(),
        }
    }
}
