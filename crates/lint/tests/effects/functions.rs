//! PostgreSQL: what is listed as one value for all rows, changing nothing, is what its catalog says of the function.

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
