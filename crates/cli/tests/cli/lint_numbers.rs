//! `greylag lint --fleet`: how many of a column's numbers are used up, on real servers.

use crate::place::Place;
use greylag_lab::{Engine, Server, TestDatabase};
use serde_json::Value;

/// Two shards that have the same migration; the second has used up most of its numbers.
async fn two(server: &Server, table: &str, fuller: &str) -> (Place, [TestDatabase; 2]) {
    let roomy = server.database("roomy").await.unwrap();
    let full = server.database("full").await.unwrap();
    let place = Place::empty();
    let mut text = String::from("project = \"p\"\nenvironment = \"test\"\n");
    for (name, database) in [("roomy", &roomy), ("full", &full)] {
        let url = &database.admin_url;
        text += &format!("[[shard]]\nname = \"{name}\"\nprimary = {url:?}\n");
    }
    place.write("greylag.toml", text);
    place.write("migrations/V1__orders.sql", table);
    place.out("apply --yes", 0);
    server.execute(&full.name, fuller).await.unwrap();
    let insert = "INSERT INTO orders (total) VALUES (1), (2);\n";
    place.write("migrations/V2__rows.sql", insert);
    (place, [roomy, full])
}

fn report(place: &Place) -> Value {
    let said = place.run("lint --fleet --output json");
    serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{}{}", said.out, said.err))
}

fn told(document: &Value) -> Option<&Value> {
    let findings = document["findings"].as_array().unwrap();
    findings.iter().find(|f| f["rule"] == "numbers-run-out")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fullest_sequence_of_postgres_decides() {
    let Some(server) = greylag_lab::require(Engine::Postgres).await else {
        return;
    };
    let table = "CREATE TABLE orders (id serial PRIMARY KEY, total int);\n\
        CREATE TABLE tickets (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY);\n\
        CREATE SEQUENCE numbers;\n\
        CREATE TABLE parcels (id smallint PRIMARY KEY DEFAULT nextval('numbers'));\n\
        CREATE TABLE rings (id int GENERATED ALWAYS AS IDENTITY (CYCLE) PRIMARY KEY);\n\
        CREATE TABLE ranged (id bigint GENERATED ALWAYS AS IDENTITY (MINVALUE 1001 MAXVALUE 2000) PRIMARY KEY);\n";
    let fuller = "SELECT setval('orders_id_seq', 1955000000), setval('tickets_id_seq', 7), setval('numbers', 30000), \
        setval('rings_id_seq', 2147483000), setval('ranged_id_seq', 1500)";
    let (place, databases) = two(&server, table, fuller).await;
    let document = report(&place);
    let tables = &document["fleet"]["facts"]["postgres"]["tables"];
    let numbering = |table: &str| &tables[table]["numbering"];
    let orders = numbering("orders");
    assert_eq!(orders["column"], "id", "{document:#}");
    assert_eq!(orders["data_type"], "integer");
    assert_eq!(
        (&orders["used"], &orders["room"]),
        (&1_955_000_000u64.into(), &2_147_483_647u64.into())
    );
    assert_eq!(orders["shard"], "full");
    assert_eq!(numbering("tickets")["used"], 7);
    // The sequence is a bigint's, the column ends before it.
    let parcels = numbering("parcels");
    assert_eq!(
        (&parcels["used"], &parcels["room"]),
        (&30_000.into(), &32_767.into())
    );
    assert!(numbering("rings").is_null(), "it begins anew: {document:#}");
    let ranged = numbering("ranged");
    assert_eq!(
        (&ranged["used"], &ranged["room"]),
        (&500.into(), &1_000.into())
    );
    let finding = told(&document).unwrap_or_else(|| panic!("{document:#}"));
    assert_eq!(
        finding["title"],
        "orders.id has used up 91% of its numbers on full"
    );
    assert_eq!(
        (&finding["severity"], &finding["decided"]),
        (&"warning".into(), &"fleet".into())
    );

    let full = &databases[1];
    let toml = place.read("greylag.toml");
    place.write(
        "greylag.toml",
        format!("{toml}[lint.thresholds]\nused-percent = 92\n"),
    );
    let document = report(&place);
    assert!(told(&document).is_none(), "{document:#}");
    server
        .execute(&full.name, "SELECT setval('orders_id_seq', 2147483646)")
        .await
        .unwrap();
    let document = report(&place);
    let finding = told(&document).unwrap_or_else(|| panic!("{document:#}"));
    assert_eq!(
        finding["severity"], "error",
        "one is left, and two rows come: {document:#}"
    );
}

async fn counters(engine: Engine, key: &str) {
    let Some(server) = greylag_lab::require(engine).await else {
        return;
    };
    let table = "CREATE TABLE orders (id int AUTO_INCREMENT PRIMARY KEY, total int);\n\
        CREATE TABLE tickets (id int unsigned AUTO_INCREMENT PRIMARY KEY);\n\
        CREATE TABLE plain (id int PRIMARY KEY);\n";
    let (place, databases) = two(
        &server,
        table,
        "ALTER TABLE orders AUTO_INCREMENT = 1955000001",
    )
    .await;
    let grow = "ALTER TABLE tickets AUTO_INCREMENT = 1955000001";
    server.execute(&databases[1].name, grow).await.unwrap();
    let document = report(&place);
    let tables = &document["fleet"]["facts"][key]["tables"];
    let orders = &tables["orders"]["numbering"];
    assert_eq!(orders["column"], "id", "{document:#}");
    assert_eq!(
        (&orders["used"], &orders["room"]),
        (&1_955_000_000u64.into(), &2_147_483_647u64.into())
    );
    assert_eq!(orders["shard"], "full");
    let tickets = &tables["tickets"]["numbering"];
    assert_eq!(
        (&tickets["used"], &tickets["room"]),
        (&1_955_000_000u64.into(), &4_294_967_295u64.into())
    );
    assert!(tables["plain"]["numbering"].is_null(), "{document:#}");
    let finding = told(&document).unwrap_or_else(|| panic!("{document:#}"));
    assert_eq!(
        finding["title"],
        "orders.id has used up 91% of its numbers on full"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fullest_counter_of_mysql_decides() {
    counters(Engine::MySql, "mysql").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fullest_counter_of_mariadb_decides() {
    counters(Engine::MariaDb, "mariadb").await;
}
