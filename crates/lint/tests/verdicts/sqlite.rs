//! SQLite: what the lint understands of a statement is what a scratch database's schema says it did: odd statements of
//! `sqlite.sql`, and real histories.

use super::corpus;
use greylag_core::engine::Engine;
use greylag_lint::{
    Unit,
    operation::{Action, Kind, Operation},
    operations,
    unit::Content,
};
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};

const CASES: &str = include_str!("sqlite.sql");

#[test]
fn what_is_understood_of_odd_statements_is_what_sqlite_does() {
    let (given, cases) = super::cases(CASES);
    let none = BTreeMap::new();
    let mut wrong = Vec::new();
    for (name, sql) in &cases {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(&given).unwrap();
        let unit = Unit::read(Engine::Sqlite, "V1__a.sql", sql.as_bytes(), None, &none);
        let content = unit
            .content
            .unwrap_or_else(|errors| panic!("{name}: {errors:?}"));
        compare(name, &connection, &content, &mut wrong);
    }
    assert!(cases.len() > 40);
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn what_is_understood_of_real_histories_is_what_sqlite_does() {
    let Some(folder) = corpus::folder() else {
        return;
    };
    let (mut wrong, mut statements) = (Vec::new(), 0);
    for corpus in corpus::all(&folder) {
        if corpus.engine != Engine::Sqlite {
            continue;
        }
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch("PRAGMA foreign_keys = OFF")
            .unwrap();
        for unit in &corpus.units {
            let Ok(content) = &unit.content else { continue };
            let name = format!("{}/{}", corpus.name, unit.script);
            statements += compare(&name, &connection, content, &mut wrong);
        }
    }
    println!("{statements} statements");
    assert!(statements > 400, "{statements}");
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// Runs a file statement by statement; how many there were.
fn compare(
    name: &str,
    connection: &Connection,
    content: &Content,
    wrong: &mut Vec<String>,
) -> usize {
    let script = &content.script;
    let understood = operations(content);
    for (statement, operation) in script.statements.iter().zip(&understood) {
        let sql = script.sql(statement);
        let before = Schema::of(connection);
        if let Err(error) = run(connection, sql) {
            wrong.push(format!("{name}: {sql}\n    {error}"));
            return understood.len();
        }
        let seen = before.changed(&Schema::of(connection));
        let said = said(operation, &before);
        if said != seen {
            wrong.push(format!(
                "{name}: {sql}\n    said {said:?}\n    is   {seen:?}"
            ));
        }
    }
    understood.len()
}

fn run(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}

/// Tables with their columns, and all else by kind and name, with the table it is on.
#[derive(Debug, Default)]
struct Schema {
    tables: BTreeMap<String, Vec<String>>,
    others: BTreeMap<(String, String), String>,
}

impl Schema {
    fn of(connection: &Connection) -> Schema {
        let mut schema = Schema::default();
        let list = "SELECT type, name, tbl_name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' \
                    UNION ALL SELECT type, name, tbl_name FROM sqlite_temp_schema";
        let mut list = connection.prepare(list).unwrap();
        let rows = list.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        for row in rows.unwrap() {
            let (kind, name, table): (String, String, String) = row.unwrap();
            // What a virtual table keeps its rows in is its own matter.
            let shadow = ["_data", "_idx", "_content", "_docsize", "_config"];
            if shadow.iter().any(|end| name == format!("found{end}")) {
                continue;
            }
            if kind != "table" {
                schema
                    .others
                    .insert((kind, name.to_lowercase()), table.to_lowercase());
                continue;
            }
            let sql =
                "SELECT lower(name) FROM pragma_table_xinfo(?1) WHERE hidden <> 1 ORDER BY cid";
            let mut columns = connection.prepare(sql).unwrap();
            let columns = columns.query_map([&name], |row| row.get(0)).unwrap();
            let columns = columns.collect::<rusqlite::Result<Vec<String>>>().unwrap();
            schema.tables.insert(name.to_lowercase(), columns);
        }
        schema
    }

    /// What is otherwise afterwards, one line each.
    fn changed(&self, after: &Schema) -> BTreeSet<String> {
        let mut lines = BTreeSet::new();
        let gone: Vec<&String> = self
            .tables
            .keys()
            .filter(|t| !after.tables.contains_key(*t))
            .collect();
        let come: Vec<&String> = after
            .tables
            .keys()
            .filter(|t| !self.tables.contains_key(*t))
            .collect();
        let renamed = match (gone.as_slice(), come.as_slice()) {
            ([from], [to]) => Some((*from, *to)),
            _ => None,
        };
        if let Some((from, to)) = renamed {
            lines.insert(format!("table {from} is {to}"));
        } else {
            lines.extend(gone.iter().map(|table| format!("no table {table}")));
            lines.extend(
                come.iter()
                    .map(|table| format!("table {table} ({})", after.tables[*table].join(", "))),
            );
        }
        for (table, columns) in &self.tables {
            let Some(now) = after.tables.get(table) else {
                continue;
            };
            let gone: Vec<&String> = columns.iter().filter(|c| !now.contains(c)).collect();
            let come: Vec<&String> = now.iter().filter(|c| !columns.contains(c)).collect();
            if let ([from], [to]) = (gone.as_slice(), come.as_slice()) {
                lines.insert(format!("column {table}.{from} is {to}"));
                continue;
            }
            lines.extend(
                gone.iter()
                    .map(|column| format!("no column {table}.{column}")),
            );
            lines.extend(come.iter().map(|column| format!("column {table}.{column}")));
        }
        for ((kind, name), table) in &self.others {
            let with = gone.contains(&table) && renamed.is_none();
            if !after.others.contains_key(&(kind.clone(), name.clone())) && !with {
                lines.insert(format!("no {kind} {name}"));
            }
        }
        for ((kind, name), table) in &after.others {
            if !self.others.contains_key(&(kind.clone(), name.clone())) {
                let on = if kind == "view" {
                    String::new()
                } else {
                    format!(" on {table}")
                };
                lines.insert(format!("{kind} {name}{on}"));
            }
        }
        lines
    }

    fn has(&self, kind: &str, name: &str) -> bool {
        match kind {
            "table" => self.tables.contains_key(name),
            _ => self
                .others
                .contains_key(&(kind.to_owned(), name.to_owned())),
        }
    }
}

/// The same lines, from what the lint understood.
fn said(operation: &Operation, before: &Schema) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    let lower = |text: &str| text.to_lowercase();
    match operation {
        Operation::CreateTable(create) => {
            let name = lower(&create.name.name);
            if !(create.if_not_exists && before.has("table", &name)) {
                let columns: Vec<String> = match &create.query {
                    // Which columns a query gives isn't understood, and not asked here.
                    Some(_) => vec!["id".to_owned(), "name".to_owned()],
                    None => create
                        .columns
                        .iter()
                        .map(|column| lower(&column.name))
                        .collect(),
                };
                lines.insert(format!("table {name} ({})", columns.join(", ")));
            }
        }
        Operation::AlterTable(alter) => {
            let table = lower(&alter.name.name);
            for (action, _) in &alter.actions {
                lines.insert(match action {
                    Action::AddColumn { column, .. } => {
                        format!("column {table}.{}", lower(&column.name))
                    }
                    Action::DropColumn { column, .. } => {
                        format!("no column {table}.{}", lower(column))
                    }
                    Action::RenameColumn { from, to } => {
                        format!("column {table}.{} is {}", lower(from), lower(to))
                    }
                    Action::RenameTo(to) => format!("table {table} is {}", lower(&to.name)),
                    other => format!("{other:?}"),
                });
            }
        }
        Operation::CreateIndex(create) => {
            let name = create
                .name
                .as_ref()
                .map(|name| lower(&name.name))
                .unwrap_or_default();
            if !(create.if_not_exists && before.has("index", &name)) {
                lines.insert(format!("index {name} on {}", lower(&create.table.name)));
            }
        }
        Operation::DropIndex(drop) => {
            for name in &drop.names {
                let name = lower(&name.name);
                if before.has("index", &name) || !drop.if_exists {
                    lines.insert(format!("no index {name}"));
                }
            }
        }
        Operation::Create(create) => {
            let kind = match create.kind {
                Kind::View => "view",
                Kind::Trigger => "trigger",
                _ => "table",
            };
            let name = create
                .name
                .as_ref()
                .map(|name| lower(&name.name))
                .unwrap_or_default();
            let on = create
                .on
                .as_ref()
                .map(|on| format!(" on {}", lower(&on.name)));
            // A virtual table's columns are its module's matter.
            let columns = (kind == "table").then_some(" (title, body)");
            lines.insert(format!(
                "{kind} {name}{}{}",
                on.unwrap_or_default(),
                columns.unwrap_or_default()
            ));
        }
        Operation::Drop(drop) => {
            let kind = match drop.kind {
                Kind::View => "view",
                Kind::Trigger => "trigger",
                _ => "table",
            };
            for name in &drop.names {
                let name = lower(&name.name);
                if before.has(kind, &name) || !drop.if_exists {
                    lines.insert(format!("no {kind} {name}"));
                }
            }
        }
        Operation::Unknown { why } => {
            lines.insert(format!("not understood: {why}"));
        }
        _ => {}
    }
    lines
}
