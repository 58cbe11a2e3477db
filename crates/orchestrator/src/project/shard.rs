//! A shard as somebody described it, and what becomes of the description.
//!
//! The same for `[[shard]]` and for every row that discovery finds; only the places of mistakes differ.

use super::{
    address::Address,
    interner::Secrets,
    replica::Replicas,
    secret::{SecretRef, StoredSecret},
    section::{At, Section},
    session::{SessionSql, fault, sets_search_path},
};
use crate::fleet::FleetShard;
use greylag_core::fleet::{Labels, Shard, ShardName};
use greylag_engines::{PasswordSource, Target};
use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

/// What was said of a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    pub name: String,
    pub primary: String,
    pub schema: Option<String>,
    pub password: Option<SecretRef>,
    pub host: Option<String>,
    pub labels: Labels,
    pub session: Vec<String>,
    pub placeholders: BTreeMap<String, String>,
    pub replicas: Replicas,
}

/// A shard that can be connected to.
#[derive(Clone, Debug)]
pub struct Member {
    pub shard: FleetShard,
    pub replicas: Replicas,
    /// Who named it: `greylag.toml:12`, `row 3 of the source "catalog"`.
    pub origin: Arc<str>,
}

/// What is wrong with a draft: which key, what, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    pub key: &'static str,
    pub message: String,
    pub hint: Option<String>,
}

/// What all shards of a project have in common.
#[derive(Clone, Debug)]
pub struct Recipe {
    pub project: Arc<str>,
    pub history_table: Arc<str>,
    pub session: SessionSql,
    pub connect_timeout: Duration,
    pub folder: Arc<Path>,
    pub(crate) secrets: Secrets,
}

impl Draft {
    /// Reads a `[[shard]]`; mistakes in the values themselves are found by [`Recipe::member`].
    pub(crate) fn read(section: &Section<'_>, folder: &Path) -> Option<Draft> {
        let name = section.required("name", "write `name = \"eu-1\"`");
        let primary = section.required(
            "primary",
            "write `primary = \"postgres://user@host/database\"`",
        );
        let text = |at: At<String>| at.value;
        let words = |key| -> BTreeMap<String, String> {
            let pairs = section.words(key).into_iter();
            pairs.map(|(k, v)| (k.value, v.value)).collect()
        };
        let schema = section.string("schema").map(text);
        let password = section
            .section("password", "`password`")
            .and_then(|section| SecretRef::read(section, folder));
        let host = section.string("host").map(text);
        let labels = words("labels");
        let placeholders = words("placeholders");
        let session = section.strings("session").unwrap_or_default();
        let replicas = Replicas::read(section, folder);
        Some(Draft {
            name: name?.value,
            primary: primary?.value,
            schema,
            password,
            host,
            labels,
            session: session.into_iter().map(text).collect(),
            placeholders,
            replicas,
        })
    }
}

impl Recipe {
    pub fn secret(&self, reference: &SecretRef) -> Arc<StoredSecret> {
        self.secrets.get(reference)
    }

    /// Makes a shard of what was said, or says all that is wrong with it.
    pub fn member(&self, draft: Draft, origin: Arc<str>) -> Result<Member, Vec<Complaint>> {
        let mut complaints = Vec::new();
        let mut complain = |key, message: String, hint: &str| {
            complaints.push(Complaint {
                key,
                message,
                hint: (!hint.is_empty()).then(|| hint.to_owned()),
            });
        };
        let name = draft.name.parse::<ShardName>();
        let address = Address::read(&draft.primary, &self.folder);
        if let Err(error) = &name {
            complain("name", error.to_string(), "");
        }
        if let Err(error) = &address {
            let hint = "write `postgres://user@host/database`, `mysql://…`, `mariadb://…` or `sqlite:path`";
            complain("primary", error.to_string(), hint);
        }
        let mut session_sql: Arc<[String]> = Arc::default();
        if let Ok(address) = &address {
            session_sql = self.session.for_shard(address.engine, &draft.session);
            if let Some((message, hint)) = fault(address.engine, &draft.session) {
                complain("session", message, &hint);
            }
            let facts = address.engine.facts();
            match &draft.schema {
                Some(_) if !facts.schema_shards => complain(
                    "schema",
                    format!(
                        "{} has no schemas that could be shards",
                        address.engine.title()
                    ),
                    "name the database in the URL instead",
                ),
                Some(schema) if schema.is_empty() => complain(
                    "schema",
                    "`schema` is empty".into(),
                    "leave it out where the shard is the whole database",
                ),
                Some(schema) => {
                    if let Some(line) = sets_search_path(&session_sql) {
                        complain(
                            "schema",
                            format!(
                                "the shard is the schema `{schema}`, and its session SQL sets a search path of its own: `{line}`"
                            ),
                            "remove one of the two; greylag sets the search path of a schema shard itself",
                        );
                    }
                }
                None => {}
            }
        }
        if draft.host.as_deref() == Some("") {
            complain(
                "host",
                "`host` is empty".into(),
                "leave it out to use the primary's host",
            );
        }
        let (Ok(name), Ok(address)) = (name, address) else {
            return Err(complaints);
        };
        if !complaints.is_empty() {
            return Err(complaints);
        }
        let host = draft.host.unwrap_or_else(|| address.host());
        let password = draft
            .password
            .map(|reference| self.secret(&reference) as Arc<dyn PasswordSource>);
        let shard = Shard {
            name: name.clone(),
            engine: address.engine,
            host: host.into(),
            schema: draft.schema.clone(),
            labels: Arc::new(draft.labels),
        };
        let target = Target {
            engine: address.engine,
            shard: name,
            url: address.url,
            password,
            schema: draft.schema,
            session_sql,
            project: Arc::clone(&self.project),
            history_table: Arc::clone(&self.history_table),
            connect_timeout: self.connect_timeout,
            application: "greylag".into(),
        };
        Ok(Member {
            shard: FleetShard {
                shard,
                target,
                placeholders: Arc::new(draft.placeholders),
            },
            replicas: draft.replicas,
            origin,
        })
    }
}
