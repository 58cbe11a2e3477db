//! Sources that a real server answers.

use super::found::Place;
use greylag_lab::Engine;

/// Makes URLs of the test comparable.
fn plain(text: &str, url: &str, database: &str) -> String {
    let host = url.split("://").nth(1).unwrap_or_default();
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let host = host.split(['/', '?']).next().unwrap_or_default();
    text.replace(host, "SERVER").replace(database, "DATABASE")
}

#[tokio::test]
async fn a_catalog_is_asked_by_its_own_query() {
    for engine in [Engine::Postgres, Engine::MariaDb] {
        let Some(server) = greylag_lab::require(engine).await else {
            continue;
        };
        let catalog = server.database("catalog").await.unwrap();
        server
            .execute(
                &catalog.name,
                "CREATE TABLE shards (name varchar(40), primary_url varchar(200), host varchar(40), region varchar(40), active int);
                 INSERT INTO shards VALUES ('b', 'postgres://app@10.0.0.2/b', NULL, 'eu', 1), ('a', 'mysql://10.0.0.1/a', 'rack-1', NULL, 1), ('old', 'x', NULL, NULL, 0)",
            )
            .await
            .unwrap();
        if engine == Engine::Postgres {
            let grant = "GRANT SELECT ON shards TO greylag";
            server.execute(&catalog.name, grant).await.unwrap();
        }
        let place = Place::new(&[]);
        let source = |query: &str| {
            format!(
                "[[discover]]\nname = \"catalog\"\nkind = \"sql\"\nurl = \"{}\"\nquery = \"{query}\"\n",
                catalog.url
            )
        };
        let found = place
            .shards(&source(
                "SELECT name, primary_url, host, region FROM shards WHERE active = 1",
            ))
            .await;
        assert_eq!(
            found,
            "a mysql://10.0.0.1/a host=rack-1\nb postgres://10.0.0.2/b host=10.0.0.2 region=eu\n",
            "{engine:?}"
        );
        let wrong = place.shards(&source("SELECT nme FROM shards")).await;
        assert!(
            wrong.starts_with("error: discovery source `catalog`: "),
            "{wrong}"
        );
        assert!(wrong.contains("nme"), "{wrong}");
        let empty = place
            .shards(&source(
                "SELECT name, primary_url FROM shards WHERE active = 9",
            ))
            .await;
        assert!(empty.contains("it found no shard"), "{empty}");
    }
}

#[tokio::test]
async fn a_catalog_that_is_not_there_is_named_without_its_password() {
    let place = Place::new(&[]);
    let found = place
        .shards("[[discover]]\nname = \"catalog\"\nkind = \"sql\"\nurl = \"postgres://me:hunter2@127.0.0.1:1/catalog\"\nquery = \"SELECT 1\"\n")
        .await;
    assert!(
        found.starts_with("error: discovery source `catalog`: "),
        "{found}"
    );
    assert!(!found.contains("hunter2"), "{found}");
}

#[tokio::test]
async fn databases_of_a_server_are_found_by_name() {
    for engine in [Engine::Postgres, Engine::MariaDb] {
        let Some(server) = greylag_lab::require(engine).await else {
            continue;
        };
        let one = server.database("tenant_a").await.unwrap();
        let two = server.database("tenant_b").await.unwrap();
        let place = Place::new(&[]);
        let source = |matching: &str| {
            format!(
                "[[discover]]\nkind = \"databases\"\nname = \"server\"\nurl = \"{}\"\nmatch = \"{matching}\"\nshard-name = \"x-{{name}}\"\n",
                one.url
            )
        };
        let found = place
            .find(&source(&format!("^({}|{})$", one.name, two.name)))
            .await
            .unwrap();
        let mut names: Vec<_> = found
            .fleet
            .shards
            .iter()
            .map(|shard| shard.shard.name.to_string())
            .collect();
        names.sort();
        let mut expected = [format!("x-{}", one.name), format!("x-{}", two.name)];
        expected.sort();
        assert_eq!(names, expected, "{engine:?}");
        for shard in &found.fleet.shards {
            greylag_engines::open(&shard.target)
                .await
                .unwrap()
                .close()
                .await;
        }
        let none = place.shards(&source("^no such name$")).await;
        assert!(none.contains("matches `^no such name$`"), "{none}");
    }
}

#[tokio::test]
async fn schemas_of_a_database_are_found_by_name() {
    let Some(server) = greylag_lab::require(Engine::Postgres).await else {
        return;
    };
    let database = server.database("tenants").await.unwrap();
    server
        .execute(
            &database.name,
            "CREATE SCHEMA tenant_1; CREATE SCHEMA tenant_2; CREATE SCHEMA other",
        )
        .await
        .unwrap();
    let place = Place::new(&[]);
    let found = place
        .shards(&format!(
            "[[discover]]\nkind = \"schemas\"\nurl = \"{}\"\nmatch = \"^tenant_\"\n",
            database.url
        ))
        .await;
    insta::assert_snapshot!(plain(&found, &database.url, &database.name), @r#"
    tenant_1 postgres://SERVER/DATABASE host=127.0.0.1 schema=tenant_1
    tenant_2 postgres://SERVER/DATABASE host=127.0.0.1 schema=tenant_2
    "#);
}
