//! A tool is ended between its two halves: the old table is gone, the new one has not got its name, and what to run is said exactly.
//! (pt-online-schema-change calls that `drop_swap`, which Debian's version refuses on every server that Greylag knows.)

use crate::{
    commands::{COPY, given},
    table::{column, count, failure_of, given_with, new_table, remains, retry_by_name, value},
};
use greylag_core::{event::Event, online::PT_OSC, outcome::Outcome};
use greylag_lab::Engine;
use greylag_orchestrator::apply::Options;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_is_half_swapped_is_told_with_what_to_run() {
    let script = format!(
        "set -e\n{COPY}\necho 'SET SESSION foreign_key_checks = 0; DROP TABLE big' | sql\nkill -KILL $$"
    );
    let Some((mut fleet, _folder)) = given(&script).await else {
        return;
    };
    let rows = count(&fleet, "big").await;
    let primary = fleet.clusters[0].primary();
    let database = fleet.databases[0].name.clone();
    let run_sql = async |sql: &str| primary.execute(&database, sql).await.unwrap();
    run_sql("CREATE TABLE child (id int PRIMARY KEY, big_id int, FOREIGN KEY (big_id) REFERENCES big (id))").await;
    let (run, told) = fleet.run(Options::default()).await;
    run.await.unwrap();
    let doubt = told
        .lock()
        .unwrap()
        .iter()
        .find_map(|(_, event)| match event {
            Event::ShardEnded {
                outcome: Outcome::Unknown { doubt },
                ..
            } if doubt.needs_person => Some(doubt.clone()),
            _ => None,
        });
    let doubt = doubt.unwrap_or_else(|| panic!("{:#?}", told.lock().unwrap()));
    let new = new_table(&fleet).await;
    assert!(
        doubt.why.contains(&format!(
            "`big` is gone and `{new}` is there: shift had dropped the old table"
        )),
        "{doubt:?}"
    );
    assert_eq!(count(&fleet, &new).await, rows);

    // A person looks, and does as it says.
    let (_, said) = doubt.why.split_once("run on the primary `").unwrap();
    let (sql, _) = said
        .split_once("` and then `greylag rollout retry s1 && greylag apply`")
        .unwrap();
    assert_eq!(
        sql,
        format!(
            "SET SESSION foreign_key_checks = 0; RENAME TABLE `{database}`.`{new}` TO `{database}`.`big`;"
        )
    );
    run_sql(sql).await;
    fleet.claim = None;
    retry_by_name(&fleet).await;
    fleet.done().await;
    assert_eq!(column(&fleet).await, "bigint");
    assert_eq!(count(&fleet, "big").await, rows);
    assert_eq!(remains(&fleet).await, None);
}

async fn refuses_drop_swap(engine: Engine) {
    let arguments = ["--alter-foreign-keys-method=drop_swap"];
    let Some(fleet) = given_with(engine, PT_OSC, 0, 100, &arguments).await else {
        return;
    };
    let child = "CREATE TABLE child (id int PRIMARY KEY, big_id int, FOREIGN KEY (big_id) REFERENCES big (id))";
    assert_eq!(value(&fleet, child).await, None);
    let failure = failure_of(&fleet).await;
    assert!(
        failure.message.contains("drop_swap doesn't work"),
        "{failure:?}"
    );
    assert!(failure.hint.unwrap().contains("rebuild_constraints"));
    assert_eq!(remains(&fleet).await, None);
    assert_eq!(column(&fleet).await, "int");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn percona_s_tool_refuses_to_swap_in_two_halves_on_mysql() {
    refuses_drop_swap(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn percona_s_tool_refuses_to_swap_in_two_halves_on_mariadb() {
    refuses_drop_swap(Engine::MariaDb).await;
}
