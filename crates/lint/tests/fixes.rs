//! Rewrites: they run on the real engine, leave the same schema behind, and the rule has nothing more to say.

use greylag_core::engine::Engine;
use greylag_lab::Server;
use greylag_lint::{
    Finding, NewFile, Rule, Unit, fix, lint,
    rules::{self, example::Example},
    unit::Content,
};
use std::collections::BTreeMap;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_rewritten_runs_on_postgres_and_is_silent() {
    let Some(server) = greylag_lab::require(greylag_lab::Engine::Postgres).await else {
        return;
    };
    let mut rewritten = 0;
    for (rule, example) in examples(Engine::Postgres) {
        let Some(files) = rewrite(rule, &example, Engine::Postgres) else {
            continue;
        };
        rewritten += 1;
        let given = given(&example, Engine::Postgres);
        let before = schema_after(&server, &given, &example.units(Engine::Postgres)).await;
        let after = schema_after(&server, &given, &units(&files, Engine::Postgres)).await;
        // DETACH … CONCURRENTLY leaves the bounds behind as a CHECK.
        let after: Vec<String> = match rule.id {
            "detach-partition-blocking" => after
                .into_iter()
                .filter(|line| !line.contains("events_2020_at_check"))
                .collect(),
            _ => after,
        };
        assert_eq!(before, after, "{}: another schema\n{files:#?}", rule.id);
        assert_silent(rule, &example, &given, &files, Engine::Postgres);
    }
    assert!(rewritten >= 12, "{rewritten}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_rewritten_runs_on_mysql_and_is_silent() {
    if let Some(server) = greylag_lab::require(greylag_lab::Engine::MySql).await {
        on_mysql(&server, Engine::Mysql).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_rewritten_runs_on_mariadb_and_is_silent() {
    if let Some(server) = greylag_lab::require(greylag_lab::Engine::MariaDb).await {
        on_mysql(&server, Engine::Mariadb).await;
    }
}

async fn on_mysql(server: &Server, engine: Engine) {
    let mut rewritten = 0;
    for (rule, example) in examples(engine) {
        let Some(files) = rewrite(rule, &example, engine) else {
            continue;
        };
        rewritten += 1;
        let given = given(&example, engine);
        let before = schema_after(server, &given, &example.units(engine)).await;
        let after = schema_after(server, &given, &units(&files, engine)).await;
        assert!(!before.is_empty());
        assert_eq!(before, after, "{}: another schema\n{files:#?}", rule.id);
        assert_silent(rule, &example, &given, &files, engine);
    }
    assert!(rewritten >= 1, "{rewritten}");
    let rule = rules::find("mixed-clauses").unwrap();
    let mut split = 0;
    for alter in MIXED {
        let text = format!("{MIXED_GIVEN}-- migration\n{alter};\n");
        let example = Example::parse(&text).unwrap();
        let Some(files) = rewrite(rule, &example, engine) else {
            continue;
        };
        split += 1;
        let given = given(&example, engine);
        let before = schema_after(server, &given, &example.units(engine)).await;
        let after = schema_after(server, &given, &units(&files, engine)).await;
        assert_eq!(before, after, "{alter}\n{files:#?}");
    }
    assert!(split >= 5, "{split}");
}

const MIXED_GIVEN: &str = "-- given\nCREATE TABLE ref (id BIGINT PRIMARY KEY);\n\
    CREATE TABLE t (id BIGINT PRIMARY KEY, a INT NULL, v VARCHAR(20) NULL, INDEX t_a (a));\n";

/// ALTERs of which some clauses are quick and some are slow, and lean on each other.
const MIXED: [&str; 9] = [
    "ALTER TABLE t CHANGE a b BIGINT NULL, ADD COLUMN c INT AFTER b",
    "ALTER TABLE t ADD COLUMN c INT NULL, ADD INDEX t_c (c), DROP COLUMN v",
    "ALTER TABLE t DROP INDEX t_a, ADD INDEX t_a (a, id)",
    "ALTER TABLE t ADD COLUMN c INT NULL FIRST, MODIFY a BIGINT NULL",
    "ALTER TABLE t RENAME COLUMN v TO z, ADD INDEX t_z (z)",
    "ALTER TABLE `t` ADD COLUMN c INT DEFAULT 5 COMMENT 'a, b', ADD UNIQUE KEY t_u (c, id)",
    "ALTER TABLE t ALTER COLUMN a SET DEFAULT 3, CONVERT TO CHARACTER SET utf8mb4",
    "ALTER TABLE t ADD COLUMN ref_id BIGINT NULL, ADD CONSTRAINT t_ref FOREIGN KEY (ref_id) REFERENCES ref (id)",
    "ALTER TABLE t ADD INDEX t_av (a, v), RENAME COLUMN a TO q",
];

#[test]
fn statements_keep_their_order_and_their_comments() {
    let text = "-- greylag:phase expand\n-- greylag:lock-timeout 500ms\n\n-- the total\nALTER TABLE orders ADD COLUMN total bigint;\n\
                -- for the list of a user's orders\nCREATE INDEX orders_user ON orders (user_id);\nUPDATE orders SET total = 0 WHERE id = 1;\n";
    let files = rewrite_text(text, "add-index-blocking");
    let names: Vec<&str> = files.iter().map(|file| file.script.as_str()).collect();
    assert_eq!(
        names,
        [
            "V2__example.sql",
            "V2.1__index_orders_user.sql",
            "V2.2__example.sql"
        ]
    );
    assert_eq!(
        files[1].text,
        "-- greylag:phase expand\n-- greylag:transaction off\n-- greylag:lock-timeout 500ms\n\n-- for the list of a user's orders\n\
         CREATE INDEX CONCURRENTLY orders_user ON orders (user_id);\n"
    );
    assert!(
        files[0].text.contains("-- the total\nALTER TABLE") && !files[0].text.contains("INDEX")
    );
    assert!(
        files[2]
            .text
            .contains("UPDATE orders SET total = 0 WHERE id = 1;")
    );
}

#[test]
fn other_clauses_of_the_statement_stay() {
    let text = "ALTER TABLE orders ADD COLUMN paid boolean, ADD CONSTRAINT positive CHECK (total > 0), ADD COLUMN note text;\n";
    let files = rewrite_text(text, "add-check-scan");
    assert_eq!(files.len(), 2, "{files:#?}");
    assert!(
        files[0]
            .text
            .contains("ADD COLUMN paid boolean,\n    ADD COLUMN note text;"),
        "{}",
        files[0].text
    );
    assert!(
        files[0]
            .text
            .contains("ADD CONSTRAINT positive CHECK (total > 0) NOT VALID;")
    );
    assert!(files[1].text.contains("VALIDATE CONSTRAINT positive;"));
}

#[test]
fn files_with_transactions_of_their_own_are_left_to_their_author() {
    let text = "BEGIN;\nCREATE INDEX orders_user ON orders (user_id);\nCOMMIT;\n";
    let unit = Unit::read(
        Engine::Postgres,
        "V2__example.sql",
        text.as_bytes(),
        None,
        &BTreeMap::new(),
    );
    let report = lint(
        std::slice::from_ref(&unit),
        &greylag_lint::Settings::default(),
        None,
    );
    let fixes: Vec<_> = report.findings.iter().filter(|f| f.fix.is_some()).collect();
    assert!(!fixes.is_empty());
    assert_eq!(fix::apply(unit.content.as_ref().unwrap(), &fixes), None);
}

#[test]
fn a_file_whose_statements_lean_on_the_session_is_not_cut() {
    let index = "CREATE INDEX i ON orders (total);";
    for before in [
        "SET search_path TO sales;",
        "SELECT set_config('search_path', 'sales', false);",
        "SET ROLE app;",
        "SET LOCAL work_mem = '1MB';",
        "LOCK TABLE orders IN SHARE MODE;",
        "CREATE TEMP TABLE tt AS SELECT 1 AS a;",
        "CREATE TABLE pg_temp.tt (a int);",
        "DO $$ BEGIN END $$;",
        "DECLARE c CURSOR FOR SELECT 1;",
        "RESET ROLE;",
    ] {
        for text in [
            format!("{before}\n{index}\n"),
            format!("{index}\n{before}\n"),
        ] {
            // The one that needs no cut is written: nothing is left beside it.
            assert_eq!(try_rewrite(&text, "add-index-blocking"), None, "{text}");
        }
    }
    let alone = rewrite_text(
        &format!("COMMENT ON TABLE orders IS 'x';\n{index}\n"),
        "add-index-blocking",
    );
    assert_eq!(alone.len(), 2);
}

#[test]
fn a_rewritten_constraint_keeps_all_that_was_said_of_it() {
    let of = |constraint: &str| {
        let text = format!("ALTER TABLE orders ADD {constraint};\n");
        let files = rewrite_text(&text, "add-unique-blocking");
        let last = |file: &NewFile| file.text.trim_end().lines().last().unwrap().to_owned();
        (last(&files[0]), last(&files[1]))
    };
    let (index, constraint) = of("CONSTRAINT uu UNIQUE (total) DEFERRABLE INITIALLY DEFERRED");
    assert_eq!(
        index,
        "CREATE UNIQUE INDEX CONCURRENTLY uu ON orders (total);"
    );
    assert_eq!(
        constraint,
        "ALTER TABLE orders ADD CONSTRAINT uu UNIQUE USING INDEX uu DEFERRABLE INITIALLY DEFERRED;"
    );
    let (index, constraint) = of(
        "CONSTRAINT \"Odd one\" UNIQUE NULLS NOT DISTINCT (total) INCLUDE (user_id) WITH (fillfactor=70) USING INDEX TABLESPACE fast NOT DEFERRABLE",
    );
    assert_eq!(
        index,
        "CREATE UNIQUE INDEX CONCURRENTLY \"Odd one\" ON orders (total) INCLUDE (user_id) NULLS NOT DISTINCT WITH (fillfactor=70) TABLESPACE fast;"
    );
    assert_eq!(
        constraint,
        "ALTER TABLE orders ADD CONSTRAINT \"Odd one\" UNIQUE USING INDEX \"Odd one\" NOT DEFERRABLE;"
    );
    let has_fix = |sql: &str, rule: &str| try_rewrite(sql, rule).is_some();
    assert!(!has_fix(
        "ALTER TABLE IF EXISTS orders ADD UNIQUE (total);",
        "add-unique-blocking"
    ));
    assert!(!has_fix(
        "ALTER TABLE orders ADD COLUMN x text COLLATE \"C\" DEFAULT random()::text;",
        "add-column-rewriting"
    ));
    assert!(!has_fix(
        "ALTER TABLE orders ADD COLUMN IF NOT EXISTS x text DEFAULT random()::text;",
        "add-column-rewriting"
    ));
    assert!(has_fix(
        "ALTER TABLE orders ADD COLUMN x text DEFAULT random()::text;",
        "add-column-rewriting"
    ));
    assert!(!has_fix(
        "REINDEX (TABLESPACE fast) TABLE orders;",
        "reindex-blocking"
    ));
    assert!(!has_fix(
        "REFRESH MATERIALIZED VIEW mv;",
        "refresh-view-blocking"
    ));
}

#[test]
fn each_piece_has_the_directives_that_are_about_it() {
    let text = "-- greylag:allow expand-drops because nobody reads it\n-- greylag:verify SELECT count(*) = 1 FROM pg_class WHERE relname = 'i'\n\n\
                ALTER TABLE orders DROP COLUMN user_id;\nCREATE INDEX i ON orders (total);\nUPDATE orders SET total = 0 WHERE id = 1;\n";
    let files = rewrite_text(text, "add-index-blocking");
    let with =
        |what: &str| -> Vec<bool> { files.iter().map(|file| file.text.contains(what)).collect() };
    assert_eq!(with("greylag:allow"), [true, false, false], "{files:#?}");
    assert_eq!(with("greylag:verify"), [false, false, true], "{files:#?}");
}

fn rewrite_text(text: &str, rule: &str) -> Vec<NewFile> {
    try_rewrite(text, rule).unwrap()
}

/// None where it can't be cut.
fn try_rewrite(text: &str, rule: &str) -> Option<Vec<NewFile>> {
    let none = BTreeMap::new();
    let given = "CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint, total bigint);";
    let units = [
        Unit::read(
            Engine::Postgres,
            "V1__given.sql",
            given.as_bytes(),
            None,
            &none,
        )
        .earlier(),
        Unit::read(
            Engine::Postgres,
            "V2__example.sql",
            text.as_bytes(),
            None,
            &none,
        ),
    ];
    let report = lint(&units, &greylag_lint::Settings::default(), None);
    let fixes: Vec<_> = report
        .findings
        .iter()
        .filter(|f| f.rule == rule || f.allowed.is_some())
        .collect();
    fix::apply(units[1].content.as_ref().unwrap(), &fixes)
}

fn examples(engine: Engine) -> impl Iterator<Item = (&'static Rule, Example)> {
    let own = rules::all()
        .iter()
        .copied()
        .filter(move |rule| rule.dialects.contains(&engine.dialect()));
    own.map(|rule| (rule, Example::parse(rule.bad).unwrap()))
        .filter(move |(_, example)| example.engines.is_empty() || example.engines.contains(&engine))
}

/// The files that come of the rule's own fixes; None where it has none.
fn rewrite(rule: &Rule, example: &Example, engine: Engine) -> Option<Vec<NewFile>> {
    let units = example.units(engine);
    let report = lint(&units, &example.settings, example.fleet.as_ref());
    let own: Vec<&Finding> = report
        .findings
        .iter()
        .filter(|f| f.rule == rule.id && f.fix.is_some())
        .collect();
    let mut files = Vec::new();
    let mut any = false;
    for unit in units.iter().filter(|unit| unit.is_judged()) {
        let fixes: Vec<_> = own
            .iter()
            .copied()
            .filter(|f| f.script == unit.script)
            .collect();
        let content = unit.content.as_ref().unwrap();
        match fix::apply(content, &fixes) {
            Some(new) => {
                any = true;
                files.extend(new);
            }
            None => files.push(NewFile {
                script: unit.script.clone(),
                text: content.migration.text.to_string(),
            }),
        }
    }
    any.then_some(files)
}

fn given(example: &Example, engine: Engine) -> Vec<Unit> {
    example
        .units(engine)
        .into_iter()
        .filter(|unit| !unit.is_judged())
        .collect()
}

fn units(files: &[NewFile], engine: Engine) -> Vec<Unit> {
    let none = BTreeMap::new();
    files
        .iter()
        .map(|file| {
            let unit = Unit::read(engine, &file.script, file.text.as_bytes(), None, &none);
            assert!(unit.content.is_ok(), "{file:#?}: {:?}", unit.content);
            unit
        })
        .collect()
}

fn assert_silent(
    rule: &Rule,
    example: &Example,
    given: &[Unit],
    files: &[NewFile],
    engine: Engine,
) {
    let mut all = given.to_vec();
    all.extend(units(files, engine));
    let report = lint(&all, &example.settings, example.fleet.as_ref());
    let told: Vec<_> = report
        .findings
        .iter()
        .filter(|f| f.rule == rule.id)
        .map(|f| &f.title)
        .collect();
    assert!(told.is_empty(), "{}: {told:?}\n{files:#?}", rule.id);
}

/// What the catalog says after the files have run: columns, constraints, indexes.
async fn schema_after(server: &Server, given: &[Unit], files: &[Unit]) -> Vec<String> {
    let database = server.database("fix").await.unwrap().name;
    for unit in given
        .iter()
        .chain(files.iter().filter(|unit| unit.is_judged()))
    {
        let content = unit.content.as_ref().unwrap();
        for sql in messages(content) {
            server
                .execute(&database, &sql)
                .await
                .unwrap_or_else(|error| panic!("{}: {error}", unit.script));
        }
    }
    let sql = "SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || coalesce(' ' || column_default, '') AS said \
               FROM information_schema.columns WHERE table_schema = 'public' \
               UNION ALL SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n' \
               UNION ALL SELECT concat(attrelid::regclass, '.', attname, ' is stored ', attstorage, to_jsonb(a) ->> 'attcompression', attgenerated, attidentity) \
               FROM pg_attribute a JOIN pg_class ON pg_class.oid = attrelid WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped \
               UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1";
    let of_mysql = format!(
        "SELECT CONCAT_WS(' ', TABLE_NAME, ORDINAL_POSITION, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, EXTRA) AS said \
         FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '{database}' \
         UNION ALL SELECT CONCAT_WS(' ', TABLE_NAME, INDEX_NAME, NON_UNIQUE, SEQ_IN_INDEX, COLUMN_NAME) \
         FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = '{database}' \
         UNION ALL SELECT CONCAT_WS(' ', TABLE_NAME, CONSTRAINT_NAME, CONSTRAINT_TYPE) \
         FROM information_schema.TABLE_CONSTRAINTS WHERE TABLE_SCHEMA = '{database}' ORDER BY 1"
    );
    let sql = match server.engine() {
        greylag_lab::Engine::Postgres => sql,
        _ => &of_mysql,
    };
    let rows = server.rows(&database, sql).await.unwrap();
    rows.into_iter()
        .filter_map(|mut row| row.pop()?.1)
        .collect()
}

fn messages(content: &Content) -> Vec<String> {
    let script = &content.script;
    let all: Vec<String> = script
        .statements
        .iter()
        .map(|s| script.sql(s).to_owned())
        .collect();
    if content.in_transaction() {
        vec![format!("BEGIN;\n{};\nCOMMIT", all.join(";\n"))]
    } else {
        all
    }
}
