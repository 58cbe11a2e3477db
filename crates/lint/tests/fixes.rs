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

#[test]
fn rewrites_for_mysql_are_silent() {
    let mut rewritten = 0;
    for (rule, example) in examples(Engine::Mysql) {
        let Some(files) = rewrite(rule, &example, Engine::Mysql) else {
            continue;
        };
        rewritten += 1;
        let given = given(&example, Engine::Mysql);
        assert_silent(rule, &example, &given, &files, Engine::Mysql);
    }
    assert!(rewritten >= 1, "{rewritten}");
}

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
    let fixes: Vec<_> = report
        .findings
        .iter()
        .filter_map(|f| f.fix.as_ref())
        .collect();
    assert!(!fixes.is_empty());
    assert_eq!(fix::apply(unit.content.as_ref().unwrap(), &fixes), None);
}

fn rewrite_text(text: &str, rule: &str) -> Vec<NewFile> {
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
        .filter(|f| f.rule == rule)
        .filter_map(|f| f.fix.as_ref())
        .collect();
    fix::apply(units[1].content.as_ref().unwrap(), &fixes).unwrap()
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
            .filter(|f| f.script == unit.script)
            .filter_map(|f| f.fix.as_ref())
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
               UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1";
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
