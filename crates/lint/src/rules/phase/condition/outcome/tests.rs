use super::*;

/// n, m and `kind` are null, `zero` is 0, `word` is 'new', and nobody knows `own`.
fn of(dialect: Dialect, expression: &str) -> Outcome {
    let column = |name: &str| match name {
        "n" | "m" | "kind" => Some(Value::Null),
        "zero" => Some(Value::Number(0.0)),
        "word" => Some(Value::Text("new".to_owned())),
        "own" => Some(Value::Any),
        _ => None,
    };
    outcome(dialect, expression, &column)
}

#[test]
fn what_is_null_passes_what_only_compares_it() {
    for passes in [
        "(n > 0)",
        "(n > 0 AND m < 5)",
        "(n BETWEEN 1 AND 5)",
        "(kind IN ('a', 'b'))",
        "(kind = ANY (ARRAY['a', 'b']))",
        "(kind::text ~ '^[a-z]+$')",
        "(NOT (n = 0))",
        "(n IS NULL OR n > 0)",
        "(n IS NULL)",
        "(num_nonnulls(n, m) <= 1)",
        "((n IS NULL) = (m IS NULL))",
        "(length(trim(kind)) > 1)",
        "(extract(year FROM n) > 2000)",
        "(jsonb_typeof(kind -> 'a') = 'object')",
        "(CASE WHEN n > 0 THEN m > 0 ELSE true END)",
        "(CASE kind WHEN 'a' THEN n > 0 END)",
        "(n <= now())",
        "(coalesce(n, m, 1) > 0)",
        "(n + m > 0)",
        "(char_length(kind) BETWEEN 1 AND 9 AND kind LIKE 'a%')",
        "(n IS NOT DISTINCT FROM m)",
        "(cast(n AS int) > 0)",
        "(n::double precision > 0)",
        "(extract(epoch FROM n AT TIME ZONE 'utc') > 0)",
        "(n AT TIME ZONE 'utc' > '2026-01-01')",
        "(substring(kind FROM 1 FOR 2) = 'ab' AND position('a' IN kind) > 0)",
        "(trim(BOTH ' ' FROM kind) <> '')",
        "(kind COLLATE \"C\" > 'a')",
        "(- - - n > 0)",
        "(nullif(kind, '') = 'a')",
        "(n >= own AND n <= current_date)",
        "(kind || 'x' <> '')",
        "(pg_catalog.length(kind) > 0)",
    ] {
        assert_eq!(of(Dialect::Postgres, passes), Outcome::Passes, "{passes}");
    }
}

#[test]
fn what_asks_for_something_fails_where_there_is_nothing() {
    for fails in [
        "(n IS NOT NULL)",
        "(num_nonnulls(n, m) = 1)",
        "(n IS NOT NULL OR m IS NOT NULL)",
        "((n IS NULL) <> (m IS NULL))",
        "((n IS NOT NULL)::int + (m IS NOT NULL)::int = 1)",
        "(coalesce(n, 0) > 0)",
        "(n IS DISTINCT FROM m)",
        "(CASE WHEN n > 0 THEN true ELSE false END)",
        "((n > 0) IS TRUE)",
        "(zero > 0)",
        "(zero BETWEEN 1 AND 5)",
        "(word IN ('a', 'b'))",
        "(zero <> 0 OR word = 'NEW')",
        "(length(word) > 5)",
        "(zero > -1 AND zero >= 0.5)",
    ] {
        assert_eq!(of(Dialect::Postgres, fails), Outcome::Fails, "{fails}");
    }
    assert_eq!(of(Dialect::Mysql, "((n <=> null) = 0)"), Outcome::Fails);
    assert_eq!(
        of(Dialect::Mysql, "(!(n is null) || m is not null)"),
        Outcome::Fails
    );
    assert_eq!(of(Dialect::Sqlite, "(n IS NOT m)"), Outcome::Fails);
}

#[test]
fn what_cant_be_told_is_not_told_from_guesses() {
    for unclear in [
        "(own > 0)",
        "(word ~ '^[a-z]+$')",
        "(word > 'a')",
        "(concat(n, m) <> '')",
        "(my_check(word))",
        "(own IS NOT NULL)",
        "((n, m) IS NULL)",
        // A function of one's own may do anything, and so may some of the server's.
        "(is_ok(n))",
        "(own.length(n) > 0)",
        "(cardinality(array_remove(ARRAY[n, m], NULL)) = 1)",
        "(daterange(n, m) <@ daterange('2026-01-01', '2027-01-01'))",
        "(nullif(zero, n) > 0)",
        "(own || n <> ARRAY[1])",
        "((n, zero) = (1, 5))",
        "(is_ok(n) OPERATOR(pg_catalog.=) 5)",
        "((n, zero) OPERATOR(pg_catalog.=) (1, 5))",
    ] {
        assert_eq!(
            of(Dialect::Postgres, unclear),
            Outcome::Unclear,
            "{unclear}"
        );
    }
    for passes in [
        "(zero >= 0 AND word <> '')",
        "(word = 'new' OR my_check(own))",
        "(-1 < zero)",
    ] {
        assert_eq!(of(Dialect::Postgres, passes), Outcome::Passes, "{passes}");
    }
    // Letters that differ in case alone are one to some collations of MySQL.
    assert_eq!(of(Dialect::Mysql, "(word = 'NEW')"), Outcome::Unclear);
    let deep = format!("{}n IS NOT NULL{}", "(".repeat(90_000), ")".repeat(90_000));
    assert_eq!(of(Dialect::Postgres, &deep), Outcome::Unclear);
    for (begin, middle, end) in [
        ("- ", "1", ""),
        ("! ", "1", ""),
        ("a.", "n", ""),
        ("NOT ", "is_ok(n)", ""),
        ("CASE WHEN ", "is_ok(n)", " THEN 1 END"),
        ("CASE ", "1", " WHEN 1 THEN 1 END"),
        ("CASE WHEN n THEN 1 ELSE ", "1", " END"),
        ("coalesce(n, ", "n IS NOT NULL", ")"),
        ("f(", "n", ")"),
        ("(1 = ", "1", ")"),
        ("n[", "n", "]"),
    ] {
        let deep = format!(
            "({}{middle}{} > 5)",
            begin.repeat(10_000),
            end.repeat(10_000)
        );
        for dialect in [Dialect::Postgres, Dialect::Mysql, Dialect::Sqlite] {
            of(dialect, &deep);
        }
    }
    let deep = format!(
        "({}is_ok(n){})",
        "CASE WHEN ".repeat(70),
        " THEN 1 END".repeat(70)
    );
    assert_eq!(of(Dialect::Postgres, &deep), Outcome::Unclear);
}
