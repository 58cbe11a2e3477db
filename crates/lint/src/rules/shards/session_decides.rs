//! What it does depends on the session's settings.

use crate::{
    finding::Decided,
    operation::{Action, Bytes, Operation},
};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, Rule, SERVERS},
};

pub(super) static SESSION_DECIDES: Rule = Rule {
    id: "session-decides",
    group: Group::Shards,
    severity: Some(Severity::Warning),
    dialects: SERVERS,
    title: "what it does depends on the session's settings",
    about: "Under another TimeZone the same text does another thing: timestamp to timestamptz rewrites the \
            table unless the session is in UTC, and moves the values. A file that sets search_path, its role \
            or a default of what it makes leaves what follows to that. Pin them in `[session]`; settings that \
            a file changes itself are put back after it. Where shards are seen to differ in the setting, it is \
            an error; `settings-differ` looks for whatever else depends on one.",
    bad: include_str!("session_decides/bad.sql"),
    good: include_str!("session_decides/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let differing = |name: &str| {
        scene.fleet.is_some_and(|fleet| {
            fleet
                .differing_settings
                .keys()
                .any(|key| key.eq_ignore_ascii_case(name))
        })
    };
    let told = |span: Bytes, title: String, setting: &str| {
        let mut draft = Draft::new(span, title)
            .why(format!(
                "It depends on the session's {setting}, which may be another one on another shard."
            ))
            .shards("One shard does something else than the next, and both count as migrated.")
            .instead(format!(
                "Pin {setting} in `[session]` of greylag.toml, so that it is the same everywhere."
            ));
        if differing(setting) {
            draft = draft.decided(Decided::Fleet).severity(Severity::Error);
        }
        draft
    };
    match scene.operation {
        Operation::AlterTable(_) => scene
            .actions()
            .filter_map(|(table, action, span)| match action {
                Action::AlterType {
                    column,
                    data_type,
                    using: false,
                    ..
                } => {
                    let known = scene
                        .known(table)
                        .and_then(|known| known.column(column))
                        .map(|c| c.data_type.name.as_str());
                    let zoned = |name: &str| name == "timestamptz" || name == "timetz";
                    let changes = zoned(&data_type.name) != known.is_some_and(zoned)
                        && (zoned(&data_type.name) || known.is_some_and(zoned));
                    changes.then(|| {
                        told(
                            span.clone(),
                            format!("the time zone decides what becomes of {table}.{column}"),
                            "TimeZone",
                        )
                    })
                }
                _ => None,
            })
            .collect(),
        Operation::Set { .. } | Operation::Select(_) => {
            let names = scene.assignments().into_iter();
            let names: Vec<String> = names.map(|(name, _)| name.to_ascii_lowercase()).collect();
            let watched = [
                "search_path",
                "role",
                "session_authorization",
                "default_table_access_method",
                "default_tablespace",
                "default_storage_engine",
            ];
            let found = watched
                .iter()
                .find(|setting| names.iter().any(|name| name == *setting));
            found
                .map(|setting| {
                    told(
                        scene.whole(),
                        format!("{setting} is changed for what follows"),
                        setting,
                    )
                })
                .into_iter()
                .collect()
        }
        _ => Vec::new(),
    }
}
