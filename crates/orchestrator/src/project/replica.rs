//! A shard's replicas as the project names them.

use super::{
    address::Address,
    section::{At, Section, nearest},
};
use greylag_core::node::{Intake, NodePolicy, NodeRole};
use jiff::Timestamp;
use std::path::Path;
use toml::de::DeValue;

/// A shard's replicas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Replicas {
    /// Nothing is said.
    #[default]
    Unstated,
    /// Ask the primary.
    Auto,
    /// These and no others.
    Listed(Vec<Replica>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica {
    pub name: String,
    pub address: Address,
    pub role: NodeRole,
    pub policy: NodePolicy,
    /// Of a subscriber: which migrations it gets.
    pub intake: Intake,
}

impl Replica {
    /// A replica that is waited for.
    pub fn plain(name: String, address: Address) -> Self {
        Self {
            name,
            address,
            role: NodeRole::default(),
            policy: NodePolicy::default(),
            intake: Intake::default(),
        }
    }
}

impl Replicas {
    /// Reads `replicas = "auto"`, or a list of URLs and tables.
    pub(crate) fn read(section: &Section<'_>, folder: &Path) -> Self {
        let Some(value) = section.value("replicas") else {
            return Replicas::Unstated;
        };
        let hint = "write `\"auto\"`, or a list of URLs or tables `{ name, url, role, migrations, policy, until, reason }`";
        match value.get_ref() {
            DeValue::String(word) if word == "auto" => Replicas::Auto,
            DeValue::Array(items) => {
                let mut found = Vec::new();
                for (at, item) in items.iter().enumerate() {
                    let name = format!("replica-{}", at + 1);
                    match item.get_ref() {
                        DeValue::String(url) => {
                            let url = At {
                                value: url.to_string(),
                                span: item.span(),
                            };
                            found.extend(plain(section, name, url, folder));
                        }
                        DeValue::Table(table) => {
                            let one =
                                Section::new("a replica", table, item.span(), section.problems());
                            found.extend(detailed(one, name, folder));
                        }
                        _ => section.wrong_kind(
                            "replicas",
                            item,
                            "a URL or a table",
                            Some(hint.into()),
                        ),
                    }
                }
                Replicas::Listed(found)
            }
            _ => {
                section.problems().add(
                    value.span(),
                    "`replicas` is not understood",
                    hint.to_owned(),
                );
                Replicas::Unstated
            }
        }
    }

    /// How many are named.
    pub fn listed(&self) -> usize {
        match self {
            Replicas::Listed(list) => list.len(),
            Replicas::Unstated | Replicas::Auto => 0,
        }
    }
}

fn plain(section: &Section<'_>, name: String, url: At<String>, folder: &Path) -> Option<Replica> {
    match Address::read(&url.value, folder) {
        Ok(address) => Some(Replica::plain(name, address)),
        Err(error) => {
            section.problems().add(
                url.span,
                format!("a replica's URL: {error}"),
                "write `postgres://user@host/database`".to_owned(),
            );
            None
        }
    }
}

fn detailed(section: Section<'_>, name: String, folder: &Path) -> Option<Replica> {
    let name = section.string("name").map_or(name, |name| name.value);
    let url = section.required("url", "write `url = \"postgres://user@host/database\"`");
    let role = section.string("role");
    let migrations = section.string("migrations");
    let policy = section.string("policy");
    let until = section.string("until");
    let reason = section.string("reason").map(|at| at.value);
    let problems = section.problems();
    let mut replica = url.and_then(|url| plain(&section, name, url, folder));
    let role = choose(
        &section,
        "role",
        role,
        &[
            ("replica", NodeRole::Replica),
            ("subscriber", NodeRole::Subscriber),
        ],
    );
    if let Some(migrations) = migrations.as_ref().filter(|_| role != NodeRole::Subscriber) {
        problems.add(
            migrations.span.clone(),
            "`migrations` says what a logical subscriber gets, and this is a replica: it gets all that its primary has",
            "write `role = \"subscriber\"` beside it, or leave it out".to_owned(),
        );
    }
    let intake = choose(
        &section,
        "migrations",
        migrations,
        &[
            ("published", Intake::Published),
            ("all", Intake::All),
            ("none", Intake::Nothing),
        ],
    );
    let ignored = policy.as_ref().is_some_and(|at| at.value == "ignore");
    let guarded = choose(
        &section,
        "policy",
        policy,
        &[
            ("guard", Word(NodePolicy::Guard)),
            ("observe", Word(NodePolicy::Observe)),
            ("ignore", Word(NodePolicy::Guard)),
        ],
    );
    if ignored && reason.is_none() {
        problems.add(
            section.span.clone(),
            "an ignored replica needs a reason",
            "write `reason = \"…\"`, so that the next person knows".to_owned(),
        );
    }
    if let Some(until) = until.as_ref().filter(|_| !ignored) {
        problems.add(
            until.span.clone(),
            "`until` says when an ignored replica is waited for again, and this one is not ignored",
            "write `policy = \"ignore\"` beside it, or leave it out".to_owned(),
        );
    }
    let until = until.and_then(|until| {
        let time = time(&until.value);
        if time.is_none() {
            problems.add(
                until.span,
                format!("`until` is no time: `{}`", until.value),
                "write a day, `2027-01-31` (it ends as the day begins, UTC), or a time, `2027-01-31T09:00:00Z`"
                    .to_owned(),
            );
        }
        time
    });
    section.finish();
    if let Some(replica) = &mut replica {
        replica.role = role;
        replica.intake = intake;
        replica.policy = match guarded {
            _ if ignored => NodePolicy::Ignore {
                until,
                reason: reason.unwrap_or_default(),
            },
            Word(policy) => policy,
        };
    }
    replica
}

/// A time, or a day, which begins at midnight UTC.
fn time(text: &str) -> Option<Timestamp> {
    if let Ok(time) = text.parse() {
        return Some(time);
    }
    let day: jiff::civil::Date = text.parse().ok()?;
    let zoned = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(zoned.timestamp())
}

/// A policy that one word says.
#[derive(Clone, Default)]
struct Word(NodePolicy);

/// One of a few words; the default where nothing is said or the word is unknown (and reported).
pub(crate) fn choose<T: Clone + Default>(
    section: &Section<'_>,
    key: &str,
    found: Option<At<String>>,
    words: &[(&str, T)],
) -> T {
    let Some(found) = found else {
        return T::default();
    };
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == found.value) {
        return value.clone();
    }
    let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    section.problems().add(
        found.span,
        format!("`{key}` has no value `{}`", found.value),
        nearest(&found.value, &known),
    );
    T::default()
}
