//! The server's demand for primary keys is set aside.

use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, MYSQL, Rule},
};

pub(super) static PRIMARY_KEY_GUARD_LIFTED: Rule = Rule {
    id: "primary-key-guard-lifted",
    group: Group::Replicas,
    severity: Some(Severity::Warning),
    dialects: MYSQL,
    title: "the server's demand for primary keys is set aside",
    about: "sql_require_primary_key and sql_generate_invisible_primary_key hold for the session that sets them, and \
            differ between nodes. A table without a key that one server takes is refused on a replica that demands \
            one (REQUIRE_TABLE_PRIMARY_KEY_CHECK), and a key that one server makes up is a column that others lack.",
    bad: include_str!("primary_key_guard_lifted/bad.sql"),
    good: include_str!("primary_key_guard_lifted/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let found = scene.assignments().into_iter().find(|(name, _)| {
        let guards = [
            "sql_require_primary_key",
            "sql_generate_invisible_primary_key",
        ];
        guards.iter().any(|guard| name.ends_with(guard))
    });
    let Some((name, _)) = found else {
        return Vec::new();
    };
    Draft::new(scene.whole(), format!("{name} is changed for what follows"))
        .why("What comes out depends on the node: a table without a key here, one with an invisible key there.")
        .replicas("A replica that demands a key refuses the table, and stops.")
        .shards("Shards whose servers are set up otherwise get another table.")
        .instead("Give the table a primary key, and leave the setting to the servers.")
        .alone()
}
