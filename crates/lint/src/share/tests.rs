use super::{Share, Sharer};
use greylag_core::{
    engine::Dialect,
    migration::{OnSubscribers, Phase},
    node::{Intake, Published, Qualified},
    script::split,
};

fn table(name: &str) -> Qualified {
    ("public".into(), name.into())
}

/// `orders` and `items` are published, `audit` is there and is not.
fn some() -> Published {
    let names = ["orders", "items", "audit"];
    Published {
        tables: [table("orders"), table("items")].into(),
        visible: names.map(|name| (name.into(), "public".into())).into(),
        indexes: [
            (table("orders_by_day"), table("orders")),
            (table("audit_by_day"), table("audit")),
        ]
        .into(),
        schema: Some("public".into()),
        ..Published::default()
    }
}

fn everything() -> Published {
    Published {
        everything: true,
        ..some()
    }
}

fn share(published: &Published, intake: Intake, phase: Phase, sql: &str) -> Share {
    let script = split(Dialect::Postgres, sql).unwrap();
    Sharer::new(published, intake).share(&script, phase, None)
}

/// `r` runs, `a` runs along, `l` is left, `d` is a doubt, `s` stops apply: one letter for each statement.
fn letters(share: &Share) -> String {
    let letter = |take: &super::Take| match take {
        super::Take::Run => 'r',
        super::Take::Along => 'a',
        super::Take::Leave(_) | super::Take::Comes(_) => 'l',
        super::Take::Doubt(_) => 'd',
        super::Take::Stops(_) => 's',
    };
    share.takes.iter().map(letter).collect()
}

fn of(published: &Published, sql: &str) -> String {
    letters(&share(published, Intake::Published, Phase::Expand, sql))
}

#[test]
fn what_published_tables_need_runs_and_other_tables_are_left_alone() {
    let sql = "ALTER TABLE orders ADD total int; ALTER TABLE audit ADD who text; CREATE INDEX x ON public.items (id); \
               CREATE TABLE new (id int); DROP INDEX audit_by_day; DROP INDEX orders_by_day;";
    let found = share(&some(), Intake::Published, Phase::Expand, sql);
    assert_eq!(letters(&found), "rlrllr");
    assert_eq!(found.left()[0], "audit is not published");
    assert!(found.runs() && found.keeps(0) && !found.keeps(1));
}

#[test]
fn rows_of_published_tables_come_by_themselves_under_either_intake() {
    let sql = "INSERT INTO orders VALUES (1); UPDATE items SET n = 1; DELETE FROM public.orders; TRUNCATE items; \
               COPY orders FROM STDIN;\n1\n\\.\nINSERT INTO audit VALUES (1);";
    assert_eq!(of(&some(), sql), "llllll");
    let all = share(&some(), Intake::All, Phase::Expand, sql);
    assert_eq!(letters(&all), "lllllr");
    assert_eq!(of(&everything(), sql), "llllll");
}

#[test]
fn a_file_of_nothing_but_left_statements_and_settings_does_not_run() {
    let sql = "SET lock_timeout = '1s'; ALTER TABLE audit ADD a int; SELECT set_config('a.b', 'c', false);";
    let found = share(&some(), Intake::Published, Phase::Expand, sql);
    assert_eq!((letters(&found).as_str(), found.runs()), ("ala", false));
}

#[test]
fn what_can_not_be_looked_into_is_a_doubt_and_runs_where_all_is_taken() {
    for sql in [
        "DO $$ BEGIN INSERT INTO orders VALUES (1); END $$",
        "CALL fill()",
        "SELECT fill()",
        "WITH x AS (INSERT INTO orders VALUES (1) RETURNING id) SELECT * FROM x",
        "SELECT * INTO copy FROM orders",
        "FROBNICATE orders",
        "DROP INDEX unheard_of",
        "DROP VIEW v",
        "ALTER TABLE orders ADD kind int REFERENCES audit",
        "SET search_path = other; ALTER TABLE orders ADD a int",
    ] {
        let found = share(&some(), Intake::Published, Phase::Expand, sql);
        assert!(letters(&found).contains('d'), "{sql}: {found:?}");
    }
    let sql = "DO $$ BEGIN END $$";
    let all = share(&some(), Intake::All, Phase::Expand, sql);
    assert_eq!(letters(&all), "r");
}

#[test]
fn what_stops_apply_in_this_order_is_told_under_either_intake() {
    for sql in [
        "ALTER TABLE orders DROP COLUMN total",
        "DROP TABLE orders",
        "ALTER TABLE orders RENAME TO sales",
        "ALTER TABLE orders RENAME COLUMN a TO b",
        "ALTER TABLE orders ADD total int NOT NULL",
    ] {
        for intake in [Intake::Published, Intake::All] {
            let found = share(&some(), intake, Phase::Expand, sql);
            assert_eq!(letters(&found), "s", "{sql}");
        }
    }
    let fine = "ALTER TABLE orders ADD total int NOT NULL DEFAULT 0; ALTER TABLE orders ADD id2 serial NOT NULL";
    assert_eq!(of(&some(), fine), "rr");
}

#[test]
fn what_contracts_is_dropped_there_too() {
    let sql = "ALTER TABLE orders DROP COLUMN total; DROP TABLE items; DROP TABLE audit;";
    let found = share(&some(), Intake::Published, Phase::Contract, sql);
    assert_eq!(letters(&found), "rrl");
}

#[test]
fn what_a_file_makes_is_known_to_the_statements_behind_it() {
    let sql = "CREATE TEMP TABLE t (id int); INSERT INTO t VALUES (1); CREATE TABLE kinds (id int PRIMARY KEY); \
               ALTER TABLE orders ADD kind int REFERENCES kinds; CREATE INDEX i ON kinds (id); DROP INDEX i;";
    let found = share(&everything(), Intake::Published, Phase::Expand, sql);
    assert_eq!(letters(&found), "aarrrr");
    assert_eq!(found.made, [table("kinds")]);
    assert_eq!(of(&some(), sql), "aaldll");
}

#[test]
fn publications_are_the_publishers_and_types_are_everybodys() {
    let sql = "CREATE TYPE state AS ENUM ('a'); CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; \
               ALTER PUBLICATION p ADD TABLE orders; GRANT SELECT ON orders TO ann; CREATE VIEW v AS SELECT * FROM orders; \
               CREATE VIEW w AS SELECT * FROM orders JOIN audit USING (id);";
    assert_eq!(of(&some(), sql), "rrllrl");
    let all = share(&some(), Intake::All, Phase::Expand, sql);
    assert_eq!(letters(&all), "rrlrrr");
}

#[test]
fn a_part_of_a_published_table_is_published() {
    let sql = "CREATE TABLE orders_2027 PARTITION OF orders FOR VALUES FROM (1) TO (2);";
    let found = share(&some(), Intake::Published, Phase::Expand, sql);
    assert_eq!((letters(&found).as_str(), found.made.len()), ("r", 0));
}

#[test]
fn a_file_may_say_for_itself_whether_it_runs_there() {
    let script = split(Dialect::Postgres, "CALL fill()").unwrap();
    let published = some();
    let mut sharer = Sharer::new(&published, Intake::Published);
    let run = sharer.share(&script, Phase::Expand, Some(OnSubscribers::Run));
    assert!(run.runs() && run.obstacle().is_none());
    let skip = sharer.share(&script, Phase::Expand, Some(OnSubscribers::Skip));
    assert!(!skip.runs() && skip.obstacle().is_none());
    assert_eq!(skip.left(), ["the file says so"]);
}

#[test]
fn rows_come_from_what_is_left_out_over_published_tables_and_from_what_nobody_can_look_into() {
    let published = some();
    let brings = |sql: &str, said| {
        let script = split(Dialect::Postgres, sql).unwrap();
        let mut sharer = Sharer::new(&published, Intake::Published);
        sharer.share(&script, Phase::Expand, said).brings
    };
    assert!(brings(
        "ALTER TABLE orders ADD total int; UPDATE orders SET total = 1;",
        None
    ));
    assert!(!brings(
        "ALTER TABLE orders ADD total int; UPDATE audit SET who = 'ann';",
        None
    ));
    let block = "DO $$ BEGIN INSERT INTO orders VALUES (1); END $$;";
    assert!(brings(block, Some(OnSubscribers::Skip)));
    assert!(!brings(block, Some(OnSubscribers::Run)));
}
