//! `greylag lint --fleet`, on real servers.

use crate::{
    lint::git,
    place::{Place, project},
};
use greylag_lab::{Cluster, Engine, Options};
use serde_json::Value;

const ORDERS: (&str, &str) = (
    "V1__orders.sql",
    "CREATE TABLE orders (id bigint PRIMARY KEY, email varchar(100));\n",
);
const INDEX: (&str, &str) = (
    "V2__index.sql",
    "CREATE INDEX orders_email ON orders (email);\n",
);
const COLUMN: (&str, &str) = ("V3__note.sql", "ALTER TABLE orders ADD COLUMN note text;\n");

fn finding<'a>(document: &'a Value, rule: &str) -> &'a Value {
    let findings = document["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| finding["rule"] == rule);
    found.unwrap_or_else(|| panic!("no {rule}: {document:#}"))
}

/// A project whose shards are these databases, one migration applied to all of them.
fn applied(shards: &[(&str, String)], more: &str) -> Place {
    let place = Place::empty();
    let mut text = String::from("project = \"p\"\nenvironment = \"test\"\n");
    for (name, rest) in shards {
        text += &format!("[[shard]]\nname = \"{name}\"\n{rest}\n");
    }
    place.write("greylag.toml", text + more);
    place.write(&format!("migrations/{}", ORDERS.0), ORDERS.1);
    place.out("apply --yes", 0);
    place.write(&format!("migrations/{}", INDEX.0), INDEX.1);
    place
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres_the_largest_shard_and_the_standbys_decide() {
    if !greylag_lab::available(Engine::Postgres) {
        return;
    }
    let options = Options::default().set("max_standby_streaming_delay", "-1");
    let cluster = Cluster::start_with(Engine::Postgres, 1, options)
        .await
        .unwrap();
    let small = cluster.database("small").await.unwrap();
    let large = cluster.database("large").await.unwrap();
    let shard = |database: &greylag_lab::TestDatabase| {
        let replica = cluster.replica(0).superuser_url(&database.name);
        format!(
            "primary = {:?}\nreplicas = [{{ name = \"r1\", url = {replica:?} }}]",
            database.admin_url
        )
    };
    let shards = [("small", shard(&small)), ("large", shard(&large))];
    let place = applied(&shards, "");
    let primary = cluster.primary();
    for (database, rows) in [(&small, 10), (&large, 2_000)] {
        let fill = format!(
            "INSERT INTO orders SELECT g, 'e' FROM generate_series(1, {rows}) g; ANALYZE orders"
        );
        primary.execute(&database.name, &fill).await.unwrap();
    }
    let publish = "CREATE PUBLICATION everything FOR TABLE orders";
    primary.execute(&large.name, publish).await.unwrap();
    let by_schema = primary.installation().major() >= 15;
    if by_schema {
        let publish = "CREATE PUBLICATION whole FOR TABLES IN SCHEMA public";
        primary.execute(&large.name, publish).await.unwrap();
    }
    let slot = "SELECT pg_create_physical_replication_slot('backup', true)";
    primary.execute(&large.name, slot).await.unwrap();
    cluster.wait_replayed().await.unwrap();
    place.write(&format!("migrations/{}", COLUMN.0), COLUMN.1);

    let document = place.json("lint --fleet --output json", 5);
    let facts = &document["fleet"]["facts"]["postgres"];
    let orders = &facts["tables"]["orders"];
    assert_eq!(orders["rows"], 2_000, "{document:#}");
    assert_eq!(orders["largest_shard"], "large");
    assert_eq!(orders["has_primary_key"], true);
    assert!(orders["table_bytes"].as_u64().unwrap() > 8_192);
    assert_eq!(facts["shards"], 2);
    assert_eq!(facts["shards_per_server"], 2);
    assert_eq!(facts["publications"][0]["name"], "everything");
    assert_eq!(facts["publications"][0]["tables"][0], "public.orders");
    assert!(
        facts["publications"][0].get("schemas").is_none(),
        "{facts:#}"
    );
    if by_schema {
        assert_eq!(
            facts["publications"][1]["schemas"][0], "public",
            "{facts:#}"
        );
    }
    // Both are on one machine.
    assert!(
        facts["standbys"][0].get("other_collation").is_none(),
        "{facts:#}"
    );
    assert_eq!(facts["standbys"].as_array().unwrap().len(), 2);
    assert_eq!(facts["standbys"][0]["conflict_delay_ms"], -1);
    let slots = facts["slots"].as_array().unwrap();
    assert!(
        slots.iter().any(|slot| slot["name"] == "backup"),
        "{slots:?}"
    );
    let version = &primary.installation().version;
    assert!(
        facts["versions"]["postgres"]["oldest"]
            .as_str()
            .unwrap()
            .starts_with(version.as_str())
    );
    // What has been applied everywhere is not judged again.
    assert_eq!(document["coverage"]["files"], 2);
    let lock = finding(&document, "standby-lock-conflict");
    assert_eq!(
        (&lock["decided"], &lock["severity"]),
        (&"fleet".into(), &"error".into())
    );
    let index = finding(&document, "add-index-blocking");
    assert_eq!(index["decided"], "fleet");
    assert_eq!(index["severity"], "error");
    assert!(
        index["message"]["why"]
            .as_str()
            .unwrap()
            .contains("(large) has 2000 rows")
    );

    let said = place.run("lint --fleet --no-color");
    assert!(
        said.out.contains("decided by what the fleet looks like"),
        "{}",
        said.out
    );
    assert!(said.out.contains("2 of 2 shards looked at"), "{}", said.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_knows_sizes_only_where_the_project_asks_for_it() {
    let Some(server) = greylag_lab::require(Engine::Postgres).await else {
        return;
    };
    let database = server.database("planned").await.unwrap();
    let shards = [("one", format!("primary = {:?}", database.admin_url))];
    let place = applied(&shards, "");
    server
        .execute(&database.name, "ANALYZE orders")
        .await
        .unwrap();
    let plan = place.json("plan --output json", 0);
    assert_eq!(plan["held"].as_array().unwrap().len(), 1, "{plan:#}");
    let toml = place.read("greylag.toml");
    place.write("greylag.toml", format!("{toml}[lint]\nfleet = true\n"));
    // An empty table: nobody waits for its index.
    let plan = place.json("plan --output json", 0);
    assert_eq!(plan["held"].as_array().unwrap().len(), 0, "{plan:#}");
    let findings = plan["findings"].as_array().unwrap();
    let index = findings
        .iter()
        .find(|f| f["rule"] == "add-index-blocking")
        .unwrap();
    assert_eq!(index["decided"], "fleet");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_as_large_as_its_heirs_and_as_any_that_has_its_name() {
    let Some(server) = greylag_lab::require(Engine::Postgres).await else {
        return;
    };
    let database = server.database("heirs").await.unwrap();
    let shards = [("one", format!("primary = {:?}", database.admin_url))];
    let place = applied(&shards, "");
    let fill = "CREATE TABLE base (id int); CREATE TABLE child () INHERITS (base); CREATE TABLE grandchild () INHERITS (base, child); \
                CREATE SCHEMA sales; CREATE TABLE sales.orders (id int); \
                INSERT INTO child SELECT generate_series(1, 3000); INSERT INTO grandchild SELECT generate_series(1, 1000); \
                INSERT INTO sales.orders SELECT generate_series(1, 5000); ANALYZE base, child, grandchild, orders, sales.orders";
    server.execute(&database.name, fill).await.unwrap();
    let document = place.json("lint --fleet --output json", 5);
    let tables = &document["fleet"]["facts"]["postgres"]["tables"];
    assert_eq!(tables["base"]["rows"], 4_000, "{document:#}");
    assert_eq!(tables["child"]["rows"], 4_000, "{document:#}");
    assert_eq!(tables["public.orders"]["rows"], 0);
    let index = finding(&document, "add-index-blocking");
    assert_eq!(index["severity"], "error");
    let why = index["message"]["why"].as_str().unwrap();
    assert!(why.contains("5000 rows of sales.orders"), "{why}");
}

async fn sizes_of(engine: Engine, key: &str) {
    let Some(server) = greylag_lab::require(engine).await else {
        return;
    };
    let database = server.database("sizes").await.unwrap();
    let shards = [("one", format!("primary = {:?}", database.admin_url))];
    let place = applied(&shards, "");
    let fill = "INSERT INTO orders (id, email) WITH RECURSIVE g (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < 500) SELECT n, 'e' FROM g";
    server.execute(&database.name, fill).await.unwrap();
    let instant = "ALTER TABLE orders ADD COLUMN extra INT NULL, ALGORITHM=INSTANT";
    server.execute(&database.name, instant).await.unwrap();
    server
        .execute(&database.name, "ANALYZE TABLE orders")
        .await
        .unwrap();
    let said = place.run("lint --fleet --output json");
    let document: Value =
        serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{}", said.err));
    let facts = &document["fleet"]["facts"][key];
    let rows = facts["tables"]["orders"]["rows"].as_u64().unwrap();
    // InnoDB estimates.
    assert!((300..700).contains(&rows), "{document:#}");
    assert_eq!(facts["tables"]["orders"]["has_primary_key"], true);
    if engine == Engine::MySql {
        assert_eq!(facts["tables"]["orders"]["row_versions"], 1);
    }
    let oldest = facts["versions"][key]["oldest"].as_str().unwrap();
    let installed = &server.installation().version;
    assert!(
        installed.starts_with(oldest) || oldest.starts_with(installed.as_str()),
        "{oldest}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_says_its_sizes_and_version() {
    sizes_of(Engine::MariaDb, "mariadb").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_says_its_sizes_and_version() {
    sizes_of(Engine::MySql, "mysql").await;
}

#[test]
fn a_shard_that_can_not_be_looked_at_is_named_and_ends_with_one() {
    let place = Place::with(
        2,
        &[("V1__a.sql", "CREATE TABLE a (id INTEGER PRIMARY KEY);")],
    );
    place.out("apply --yes", 0);
    place.sql("s2", "INSERT INTO a VALUES (1), (2), (3)");
    let document = place.json("lint --fleet --output json", 0);
    let table = &document["fleet"]["facts"]["sqlite"]["tables"]["a"];
    assert_eq!(table["rows"], 3, "{document:#}");
    assert_eq!(table["largest_shard"], "s2");
    assert_eq!(
        document["coverage"]["files"], 0,
        "all is applied: {document:#}"
    );
    place.write(
        "greylag.toml",
        format!(
            "{}\n[[shard]]\nname = \"gone\"\nprimary = \"sqlite:shards/gone.db\"\n",
            project(2, "")
        ),
    );
    let said = place.run("lint --fleet");
    assert_eq!(said.code, 1, "{}\n{}", said.out, said.err);
    assert!(said.out.contains("not looked at gone: "), "{}", said.out);
    assert!(said.out.contains("2 of 3 shards looked at"), "{}", said.out);
    assert!(said.err.contains("--skip-unreachable"), "{}", said.err);
    let passed = place.run("lint --fleet --skip-unreachable");
    assert_eq!(passed.code, 0, "{}", passed.err);
    assert!(
        passed.out.contains("not looked at gone: "),
        "{}",
        passed.out
    );
    let github = place.out("lint --fleet --skip-unreachable --format github", 0);
    assert!(
        github.contains("::warning title=not looked at::gone"),
        "{github}"
    );
    let sarif = place.out("lint --fleet --skip-unreachable --format sarif", 0);
    assert!(sarif.contains("gone was not looked at"), "{sarif}");
}

#[test]
fn only_versions_after_a_baseline_are_judged() {
    let place = Place::empty();
    place.write("sql/V1__a.sql", "CREATE TABLE a (id int);");
    place.write("sql/V2__b.sql", "CREATE TABLE b (id int);");
    place.write("greylag.toml", "project = \"p\"\nmigrations = \"sql\"\n");
    let document = place.json(
        "lint --engine postgres --from 1 --output json --fail-on never",
        0,
    );
    assert_eq!(document["coverage"]["files"], 1, "{document:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_shard_has_is_neither_new_nor_rewritten() {
    let Some(server) = greylag_lab::require(Engine::Postgres).await else {
        return;
    };
    let database = server.database("applied").await.unwrap();
    let shards = [("one", format!("primary = {:?}", database.admin_url))];
    let more = "[lint]\nseverity = { add-index-blocking = \"warning\" }\n";
    let place = applied(&shards, more);
    git(&place, "init -q");
    git(&place, "commit -q --allow-empty -m first");
    // The branch adds the file that made the table, too: the fleet knows better than git what has been nowhere.
    let document = place.json("lint --fleet --since HEAD --output json", 0);
    finding(&document, "add-index-blocking");
    let without = place.json("lint --since HEAD --output json", 0);
    let findings = without["findings"].as_array().unwrap();
    assert!(
        findings.iter().all(|f| f["rule"] != "add-index-blocking"),
        "{without:#}"
    );

    place.out("apply --yes", 0);
    place.write(
        "migrations/V3__again.sql",
        "CREATE INDEX orders_again ON orders (email);\n",
    );
    let said = place.run("lint --fix migrations/V2__index.sql --no-color");
    let told = format!("{}{}", said.out, said.err);
    assert!(
        told.contains("left as it is: the journal knows it as applied"),
        "{told}"
    );
    assert_eq!(place.read("migrations/V2__index.sql"), INDEX.1);
    let said = place.run("lint --fix --fleet --no-color");
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert_eq!(place.read("migrations/V2__index.sql"), INDEX.1);
    assert!(
        place
            .read("migrations/V3__again.sql")
            .contains("CONCURRENTLY")
    );
}
