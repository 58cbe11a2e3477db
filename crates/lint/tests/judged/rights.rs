//! Rights that an expand takes.

use super::{must_not_tell, must_tell, phases::GIVEN};
use greylag_core::engine::Engine::{Mysql, Postgres};

#[test]
fn rights_that_an_expand_takes_are_told() {
    let rule = "expand-takes-rights";
    must_tell(&[
        (Postgres, GIVEN, "REVOKE SELECT ON orders FROM app;", rule),
        (
            Postgres,
            GIVEN,
            "REVOKE SELECT ON ALL TABLES IN SCHEMA public FROM app;",
            rule,
        ),
        (Postgres, GIVEN, "REVOKE admin FROM app;", rule),
        (
            Postgres,
            GIVEN,
            "REVOKE EXECUTE ON FUNCTION f() FROM app;",
            rule,
        ),
        (Postgres, GIVEN, "ALTER TABLE orders OWNER TO other;", rule),
        (Postgres, GIVEN, "ALTER FUNCTION f() OWNER TO other;", rule),
        (
            Postgres,
            GIVEN,
            "ALTER TABLE orders ENABLE ROW LEVEL SECURITY;",
            rule,
        ),
        (
            Postgres,
            GIVEN,
            "ALTER TABLE orders FORCE ROW LEVEL SECURITY;",
            rule,
        ),
        (
            Postgres,
            GIVEN,
            "CREATE POLICY p ON orders AS RESTRICTIVE USING (id > 5);",
            rule,
        ),
        (
            Postgres,
            GIVEN,
            "ALTER POLICY own ON orders USING (id > 5);",
            rule,
        ),
        (Mysql, "", "REVOKE SELECT ON shop.* FROM 'app'@'%';", rule),
    ]);
    must_not_tell(&[
        (
            Postgres,
            GIVEN,
            "CREATE POLICY p ON orders USING (id > 5);",
            rule,
        ),
        (
            Postgres,
            GIVEN,
            "ALTER TABLE orders DISABLE ROW LEVEL SECURITY;",
            rule,
        ),
        (Postgres, GIVEN, "GRANT SELECT ON orders TO app;", rule),
        (
            Postgres,
            GIVEN,
            "CREATE TABLE t (id int);\nALTER TABLE t OWNER TO other;\nALTER TABLE t ENABLE ROW LEVEL SECURITY;\n\
             REVOKE ALL ON t FROM PUBLIC;",
            rule,
        ),
        (
            Postgres,
            GIVEN,
            "CREATE FUNCTION g() RETURNS int LANGUAGE sql AS 'select 1';\nALTER FUNCTION g() OWNER TO other;\n\
             REVOKE ALL ON FUNCTION g() FROM PUBLIC;",
            rule,
        ),
        (
            Postgres,
            GIVEN,
            "-- greylag:phase contract\n-- greylag:change x\nREVOKE SELECT ON orders FROM app;",
            rule,
        ),
    ]);
}
