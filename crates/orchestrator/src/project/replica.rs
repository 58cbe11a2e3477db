//! Replicas as the project names them, and `[replicas]`: read and kept, for the part that watches them.

use super::{
    address::Address,
    section::{At, Section, nearest},
};
use std::{path::Path, time::Duration};
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
    pub role: ReplicaRole,
    pub policy: ReplicaPolicy,
    /// Until when it is left out, as written.
    pub until: Option<String>,
    pub reason: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplicaRole {
    #[default]
    Replica,
    /// A logical subscriber: gets migrations itself.
    Subscriber,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplicaPolicy {
    /// Waited for.
    #[default]
    Guard,
    /// Watched, not waited for.
    Watch,
    /// Left out, with a reason.
    Ignore,
}

/// `[replicas]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaSettings {
    pub wait: Expected,
    pub max_lag: Duration,
    pub resume_lag: Duration,
    pub timeout: Duration,
}

/// How many replicas a shard waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    All,
    Number(u32),
    None,
}

impl Default for ReplicaSettings {
    fn default() -> Self {
        Self {
            wait: Expected::All,
            max_lag: Duration::from_secs(5),
            resume_lag: Duration::from_secs(2),
            timeout: Duration::from_secs(600),
        }
    }
}

impl ReplicaSettings {
    pub(crate) fn read(section: Section<'_>) -> Self {
        let usual = Self::default();
        let wait = match section.value("wait") {
            None => usual.wait,
            Some(value) => match (value.get_ref().as_str(), value.get_ref().as_integer()) {
                (Some("all"), _) => Expected::All,
                (Some("none"), _) => Expected::None,
                (None, Some(_)) => section
                    .number("wait", 0)
                    .map_or(usual.wait, Expected::Number),
                _ => {
                    section.problems().add(
                        value.span(),
                        "`wait` is not understood",
                        "write `\"all\"`, `\"none\"` or a number".to_owned(),
                    );
                    usual.wait
                }
            },
        };
        let settings = Self {
            wait,
            max_lag: section.duration("max-lag").unwrap_or(usual.max_lag),
            resume_lag: section.duration("resume-lag").unwrap_or(usual.resume_lag),
            timeout: section.duration("timeout").unwrap_or(usual.timeout),
        };
        if settings.resume_lag > settings.max_lag {
            section.problems().add(
                section.place("resume-lag"),
                "`resume-lag` is above `max-lag`",
                "going on needs a smaller lag than holding, or it would flap".to_owned(),
            );
        }
        section.finish();
        settings
    }
}

impl Replica {
    /// A replica that is waited for.
    pub fn plain(name: String, address: Address) -> Self {
        Self {
            name,
            address,
            role: ReplicaRole::default(),
            policy: ReplicaPolicy::default(),
            until: None,
            reason: None,
        }
    }
}

impl Replicas {
    /// Reads `replicas = "auto"`, or a list of URLs and tables.
    pub(crate) fn read(section: &Section<'_>, folder: &Path) -> Self {
        let Some(value) = section.value("replicas") else {
            return Replicas::Unstated;
        };
        let hint = "write `\"auto\"`, or a list of URLs or tables `{ name, url, role, policy, until, reason }`";
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
    let policy = section.string("policy");
    let until = section.string("until").map(|at| at.value);
    let reason = section.string("reason").map(|at| at.value);
    let problems = section.problems();
    let mut replica = url.and_then(|url| plain(&section, name, url, folder));
    let role = choose(
        &section,
        "role",
        role,
        &[
            ("replica", ReplicaRole::Replica),
            ("subscriber", ReplicaRole::Subscriber),
        ],
    );
    let policy = choose(
        &section,
        "policy",
        policy,
        &[
            ("guard", ReplicaPolicy::Guard),
            ("watch", ReplicaPolicy::Watch),
            ("ignore", ReplicaPolicy::Ignore),
        ],
    );
    if policy == ReplicaPolicy::Ignore && reason.is_none() {
        problems.add(
            section.span.clone(),
            "an ignored replica needs a reason",
            "write `reason = \"…\"`, so that the next person knows".to_owned(),
        );
    }
    section.finish();
    if let Some(replica) = &mut replica {
        replica.role = role;
        replica.policy = policy;
        replica.until = until;
        replica.reason = reason;
    }
    replica
}

/// One of a few words; the default where nothing is said or the word is unknown (and reported).
pub(crate) fn choose<T: Copy + Default>(
    section: &Section<'_>,
    key: &str,
    found: Option<At<String>>,
    words: &[(&str, T)],
) -> T {
    let Some(found) = found else {
        return T::default();
    };
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == found.value) {
        return *value;
    }
    let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    section.problems().add(
        found.span,
        format!("`{key}` has no value `{}`", found.value),
        nearest(&found.value, &known),
    );
    T::default()
}
