//! What is listed as one value for all rows, changing nothing, is what PostgreSQL's catalog says of the function; what is listed as
//! null of null, is so on all servers.

use super::servers;

const LISTED: &str = include_str!("../../effects/postgres_functions.txt");

#[tokio::test(flavor = "multi_thread")]
async fn functions_that_are_called_steady_are_steady_on_postgres() {
    let names: Vec<&str> = LISTED.split_whitespace().collect();
    assert!(names.len() > 500);
    let names = names.join(",");
    for server in servers::of(greylag_lab::Engine::Postgres).await {
        // Later versions have more of them.
        let missing = match server.installation().major() >= 15 {
            true => "NOT EXISTS (SELECT FROM own WHERE proname = name) OR",
            false => "",
        };
        // `timezone` of a time with a zone was volatile in 14; nobody fills a column with that, and everybody with the others.
        let sql = format!(
            "WITH own AS (SELECT * FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace) \
             SELECT name FROM unnest(string_to_array('{names}', ',')) AS name \
             WHERE {missing} EXISTS (SELECT FROM own WHERE proname = name AND provolatile = 'v' AND prorettype <> 'trigger'::regtype \
                 AND NOT (proname = 'timezone' AND 'timetz'::regtype::oid = ANY (proargtypes)))"
        );
        let wrong = server.rows("postgres", &sql).await.unwrap();
        let wrong: Vec<_> = wrong.into_iter().flatten().map(|(_, name)| name).collect();
        let version = &server.installation().version;
        assert!(wrong.is_empty(), "{version}: {wrong:?}");
    }
}

const STRICT: [(greylag_lab::Engine, &str, &[&str]); 2] = [
    (
        greylag_lab::Engine::MySql,
        include_str!("../../effects/mysql_strict.txt"),
        &BY_GRAMMAR,
    ),
    (
        greylag_lab::Engine::MariaDb,
        include_str!("../../effects/mysql_strict.txt"),
        &BY_GRAMMAR,
    ),
];

const BY_GRAMMAR: [&str; 6] = [
    "extract(YEAR FROM NULL)",
    "position(NULL IN 'a')",
    "position('a' IN NULL)",
    "timestampdiff(DAY, NULL, '2026-01-01')",
    "date_add(NULL, INTERVAL 1 DAY)",
    "date_sub(NULL, INTERVAL 1 DAY)",
];

/// Each call of a list with one argument after another taken for null.
fn with_nulls(listed: &str) -> Vec<(&str, String)> {
    let calls = listed.split_whitespace().filter_map(|call| {
        let (name, arguments) = call.strip_suffix(')')?.split_once('(')?;
        Some((call, name, arguments.split(',').collect::<Vec<&str>>()))
    });
    let each = calls.flat_map(|(call, name, arguments)| {
        (0..arguments.len()).map(move |at| {
            let mut own = arguments.clone();
            own[at] = "NULL";
            (call, format!("{name}({})", own.join(",")))
        })
    });
    each.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_that_are_called_strict_make_null_of_null() {
    let listed = include_str!("../../effects/postgres_strict.txt");
    let names = listed.split_whitespace().collect::<Vec<&str>>().join(",");
    let sql = format!(
        "SELECT name FROM unnest(string_to_array('{names}', ',')) AS name \
         WHERE EXISTS (SELECT FROM pg_proc WHERE proname = name AND pronamespace = 'pg_catalog'::regnamespace AND NOT proisstrict)"
    );
    for server in servers::of(greylag_lab::Engine::Postgres).await {
        let wrong = server.rows("postgres", &sql).await.unwrap();
        let wrong: Vec<_> = wrong.into_iter().flatten().map(|(_, name)| name).collect();
        let version = &server.installation().version;
        assert!(wrong.is_empty(), "{version}: {wrong:?}");
    }
    for (engine, listed, more) in STRICT {
        for server in servers::of(engine).await {
            let (mut wrong, mut asked) = (Vec::new(), 0);
            let calls = with_nulls(listed).into_iter();
            let more = more.iter().map(|call| (*call, (*call).to_owned()));
            for (call, with_null) in calls.chain(more) {
                let sql = format!("SELECT {with_null} IS NULL");
                match server.value("mysql", &sql).await {
                    Ok(Some(is)) if is == "1" => asked += 1,
                    Ok(other) => wrong.push(format!("{with_null}: {other:?}")),
                    // The other of the two has it.
                    Err(_) => println!("{}: no {call}", server.installation().version),
                }
            }
            let version = &server.installation().version;
            assert!(wrong.is_empty(), "{version}: {wrong:?}");
            assert!(asked > 130, "{version}: {asked}");
        }
    }
}

#[test]
fn functions_that_are_called_strict_make_null_of_null_on_sqlite() {
    let connection = rusqlite::Connection::open_in_memory().unwrap();
    for (_, with_null) in with_nulls(include_str!("../../effects/sqlite_strict.txt")) {
        let sql = format!("SELECT {with_null} IS NULL");
        let null: bool = connection.query_row(&sql, [], |row| row.get(0)).unwrap();
        assert!(null, "{with_null}");
    }
}
