//! `[lint]`: what the project says of its tables and servers, and how grave it takes each rule.

use super::{
    replica::choose,
    section::{Section, nearest},
};
use greylag_core::engine::Engine;
use greylag_lint::{Level, Settings, TableClass, TableSettings, Thresholds, Versions, rules};
use std::collections::BTreeMap;

const CLASSES: [(&str, Option<TableClass>); 3] = [
    ("sharded", Some(TableClass::Sharded)),
    ("reference", Some(TableClass::Reference)),
    ("global", Some(TableClass::Global)),
];

const LEVELS: [(&str, Option<Level>); 4] = [
    ("off", Some(Level::Off)),
    ("note", Some(Level::Note)),
    ("warning", Some(Level::Warning)),
    ("error", Some(Level::Error)),
];

/// Reads `[lint]`.
pub(crate) fn read(section: Section<'_>) -> Settings {
    let settings = Settings {
        shard_key: words(&section, "shard-key"),
        default_class: choose(
            &section,
            "default-class",
            section.string("default-class"),
            &CLASSES,
        ),
        tables: tables(&section),
        versions: versions(&section),
        severity: severity(&section),
        thresholds: thresholds(&section),
        replicas: section.boolean("replicas"),
        // Whoever asks discovery counts them.
        declared_shards: 0,
        // `[replicas] wait` says it.
        waits_for_replicas: None,
        logical_replication: section.boolean("logical-replication"),
        shared_servers: section.boolean("shared-servers"),
        fleet: section.boolean("fleet").unwrap_or(false),
    };
    section.finish();
    settings
}

fn words(section: &Section<'_>, key: &'static str) -> Vec<String> {
    let found = section.strings(key).unwrap_or_default();
    found.into_iter().map(|at| at.value).collect()
}

fn tables(section: &Section<'_>) -> BTreeMap<String, TableSettings> {
    let Some(all) = section.section("tables", "[lint.tables]") else {
        return BTreeMap::new();
    };
    all.each()
        .map(|(name, table)| {
            let settings = TableSettings {
                class: choose(&table, "class", table.string("class"), &CLASSES),
                shard_key: words(&table, "shard-key"),
                rows: table.count("rows"),
            };
            table.finish();
            (name, settings)
        })
        .collect()
}

fn versions(section: &Section<'_>) -> BTreeMap<Engine, Versions> {
    let Some(all) = section.section("versions", "[lint.versions]") else {
        return BTreeMap::new();
    };
    let names = Engine::ALL.map(Engine::as_str);
    let mut found = BTreeMap::new();
    for (name, one) in all.each() {
        let oldest = version(&one, "oldest");
        let newest = version(&one, "newest");
        let Some(engine) = Engine::ALL.into_iter().find(|e| e.as_str() == name) else {
            let message = format!("there is no engine `{name}`");
            one.problems()
                .add(one.span.clone(), message, nearest(&name, &names));
            continue;
        };
        one.finish();
        if let (Some(oldest), Some(newest)) = (oldest, newest) {
            found.insert(engine, Versions { oldest, newest });
        }
    }
    found
}

fn version(section: &Section<'_>, key: &'static str) -> Option<greylag_lint::ServerVersion> {
    let found = section.required(key, "write a version in quotes: `oldest = \"14\"`")?;
    match found.value.parse() {
        Ok(version) => Some(version),
        Err(error) => {
            let message = format!("`{key}`: {error}");
            section.problems().add(found.span, message, None);
            None
        }
    }
}

fn severity(section: &Section<'_>) -> BTreeMap<String, Level> {
    let mut found = BTreeMap::new();
    for (rule, level) in section.words("severity") {
        if !rules::is_known(&rule.value) {
            let hint = match rules::nearest(&rule.value) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "`greylag lint --rules` lists them all".to_owned(),
            };
            let message = format!("there is no rule `{}`", rule.value);
            section.problems().add(rule.span, message, hint);
            continue;
        }
        let key = rule.value.clone();
        let level: Option<Level> = choose(section, &key, Some(level), &LEVELS);
        found.extend(level.map(|level| (key, level)));
    }
    found
}

fn thresholds(section: &Section<'_>) -> Thresholds {
    let usual = Thresholds::default();
    let Some(section) = section.section("thresholds", "[lint.thresholds]") else {
        return usual;
    };
    let found = Thresholds {
        small_rows: section.count("small-rows").unwrap_or(usual.small_rows),
        large_rows: section.count("large-rows").unwrap_or(usual.large_rows),
        wal_bytes: section.size("wal-bytes").unwrap_or(usual.wal_bytes),
        used_percent: section.count("used-percent").unwrap_or(usual.used_percent),
    };
    section.finish();
    found
}
