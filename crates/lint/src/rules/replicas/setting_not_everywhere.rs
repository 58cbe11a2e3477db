//! A setting that not all sessions get, or not all nodes.

use crate::operation::{Alter, Change, Kind, Operation};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, Rule, SERVERS},
};
use greylag_core::engine::Dialect;

pub(super) static SETTING_NOT_EVERYWHERE: Rule = Rule {
    id: "setting-not-everywhere",
    group: Group::Replicas,
    severity: Some(Severity::Warning),
    dialects: SERVERS,
    title: "a setting that not all sessions get, or not all nodes",
    about: "ALTER ROLE … SET and ALTER DATABASE … SET stand in the catalog: replicas get them by replay, and everywhere only sessions that begin afterwards \
            have them; a pool keeps its old ones for hours. ALTER SYSTEM writes a file that no WAL brings to replicas, and takes effect with a reload. \
            MySQL's and MariaDB's SET GLOBAL and PERSIST are in no binary log: each replica keeps its own value, and after a \
            failover that one holds.",
    bad: include_str!("setting_not_everywhere/bad.sql"),
    good: include_str!("setting_not_everywhere/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let by_hand = "Set it on every node, replicas too, where their configuration is kept.";
    match scene.operation {
        Operation::Set {
            name, global: true, ..
        } if scene.has_replicas() => {
            Draft::new(scene.whole(), format!("{name} is set on the primary alone"))
                .why("SET GLOBAL and PERSIST are in no binary log.")
                .replicas("Each keeps its own value, and after a failover that one holds.")
                .instead(by_hand)
                .alone()
        }
        Operation::Alter(alter) if is_system(scene, alter) && scene.has_replicas() => {
            Draft::new(scene.whole(), "ALTER SYSTEM changes the primary alone")
                .why("It writes a file of this server's, which no WAL brings anywhere, and which is read at the next reload or start.")
                .replicas("Each keeps its own value, and after a failover that one holds.")
                .instead(by_hand)
                .alone()
        }
        Operation::Alter(Alter {
            kind: Kind::Role | Kind::Database,
            change: Change::Other(text),
            ..
        }) if scene.dialect() == Dialect::Postgres && sets(text) => {
            let draft = Draft::new(scene.whole(), "only sessions that begin afterwards have the setting")
                .severity(Severity::Note)
                .why("Sessions that are open go on as they began, those of pools for as long as the pool keeps them.")
                .instead("Begin the sessions anew that must have it, or set it where the connection is made.");
            let draft = match scene.has_replicas() {
                true => draft.replicas("They have it for new sessions once this is replayed."),
                false => draft,
            };
            draft.alone()
        }
        _ => Vec::new(),
    }
}

fn is_system(scene: &Scene<'_>, alter: &Alter) -> bool {
    let text = scene.text().to_ascii_uppercase();
    let mut words = text.split_whitespace();
    alter.kind == Kind::Other && words.next() == Some("ALTER") && words.next() == Some("SYSTEM")
}

/// SET or RESET of a setting, of one database too; not of where the database is kept.
fn sets(text: &str) -> bool {
    let within = text.strip_prefix("IN DATABASE ");
    let text = within
        .and_then(|rest| rest.split_once(' '))
        .map_or(text, |(_, rest)| rest);
    let tablespace = text.starts_with("SET TABLESPACE");
    (text.starts_with("SET ") || text.starts_with("RESET ")) && !tablespace
}
