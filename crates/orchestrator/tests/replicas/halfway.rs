//! pt-online-schema-change with `drop_swap` is ended between its two halves: the table is gone, and what to run is said exactly.

use crate::{
    fleet::until,
    table::{column, count, done, given_with, lines, new_table, remains, retry, says, value},
};
use greylag_core::{event::Event, online::PT_OSC, outcome::Outcome};
use greylag_lab::Engine;
use greylag_orchestrator::{Control, apply::Options};
use std::time::{Duration, Instant};

async fn play(engine: Engine) {
    let arguments = [
        "--alter-foreign-keys-method=drop_swap",
        "--chunk-size=20",
        "--chunk-time=0",
        "--sleep=0.1",
    ];
    let Some(mut fleet) = given_with(engine, PT_OSC, 0, 500, &arguments).await else {
        return;
    };
    let primary = fleet.clusters[0].primary();
    let database = fleet.databases[0].name.clone();
    let run_sql = async |sql: &str| primary.execute(&database, sql).await.unwrap();
    run_sql("CREATE TABLE child (id int PRIMARY KEY, big_id int, FOREIGN KEY (big_id) REFERENCES big (id))").await;
    let rows = count(&fleet, "big").await;
    let control = Control::new();
    let (run, told) = fleet.run_under(Options::default(), control.clone()).await;
    until(&told, says("Copying")).await;
    // A reader of the new table lets the old one go, and keeps the new one from its name. Through a view: whoever names the new
    // table in a statement is ended with the tool.
    let new = new_table(&fleet).await;
    run_sql(&format!("CREATE VIEW looks AS SELECT id FROM {new}")).await;
    let reader = primary.execute(&database, "SELECT SLEEP(1000) FROM looks LIMIT 1");
    let scene = async {
        let gone = "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'big'";
        let deadline = Instant::now() + Duration::from_secs(120);
        while value(&fleet, gone).await.as_deref() != Some("0") {
            assert!(
                Instant::now() < deadline && !run.is_finished(),
                "{:#?}",
                lines(&told)
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        control.interrupt();
        control.interrupt();
        run.await.unwrap();
        let reading =
            "SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(1000)%'";
        let id = value(&fleet, reading).await.expect("nobody reads");
        run_sql(&format!("KILL {id}")).await;
    };
    let (_, ()) = tokio::join!(reader, scene);
    let doubt = told
        .lock()
        .unwrap()
        .iter()
        .find_map(|(_, event)| match event {
            Event::ShardEnded {
                outcome: Outcome::Unknown { doubt },
                ..
            } => Some(doubt.clone()),
            _ => None,
        });
    let doubt = doubt.unwrap_or_else(|| panic!("{:#?}", told.lock().unwrap()));
    assert!(doubt.needs_person, "{doubt:?}");
    assert!(
        doubt.why.contains(&format!(
            "`big` is gone and `{new}` is there: pt-online-schema-change had dropped the old table"
        )),
        "{doubt:?}"
    );
    assert_eq!(count(&fleet, &new).await, rows);

    // A person looks, and does as it says.
    let said = doubt.why.split_once("run on the primary `").unwrap().1;
    let sql = said
        .split_once("` and then `greylag rollout retry`")
        .unwrap()
        .0;
    assert_eq!(
        sql,
        format!(
            "SET SESSION foreign_key_checks = 0; RENAME TABLE `{database}`.`{new}` TO `{database}`.`big`;"
        )
    );
    run_sql("DROP VIEW looks").await;
    run_sql(sql).await;
    fleet.claim = None;
    retry(&fleet).await;
    done(&fleet).await;
    assert_eq!(column(&fleet).await, "bigint");
    assert_eq!(count(&fleet, "big").await, rows + 1);
    assert_eq!(remains(&fleet).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_is_half_swapped_is_told_with_what_to_run_on_mysql() {
    play(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_is_half_swapped_is_told_with_what_to_run_on_mariadb() {
    play(Engine::MariaDb).await;
}
