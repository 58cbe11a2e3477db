//! Shards that a database knows of: rows of a catalog, databases of a server, schemas of a database.

use super::{
    error::{Trouble, chain},
    record::Record,
};
use crate::project::{Address, Naming, Source, StoredSecret};
use greylag_core::fleet::ShardName;
use greylag_engines::{EngineError, PasswordSource, Session, Target};
use regex::Regex;
use serde_json::Value;
use std::sync::Arc;

/// A database that is asked.
pub(crate) struct Catalog<'a> {
    pub source: &'a Source,
    pub address: &'a Address,
    pub password: Option<&'a Arc<StoredSecret>>,
}

impl Catalog<'_> {
    /// What the project's own query answers.
    pub(crate) async fn rows(&self, query: &str) -> Result<Vec<Record>, Trouble> {
        let mut session = self.open().await?;
        let rows = session.rows(query).await;
        session.close().await;
        let rows = rows.map_err(|error| self.refused(&error))?;
        let cell =
            |(key, cell): (String, Option<String>)| (key, cell.map_or(Value::Null, Value::String));
        Ok(rows
            .into_iter()
            .map(|row| row.into_iter().map(cell).collect())
            .collect())
    }

    /// One record for each database whose name matches.
    pub(crate) async fn databases(
        &self,
        matching: &Regex,
        naming: &Naming,
    ) -> Result<Vec<Record>, Trouble> {
        let mut session = self.open().await?;
        let names = session.list_databases().await;
        session.close().await;
        let names = names.map_err(|error| self.refused(&error))?;
        self.matching(names, matching, "databases", |name| {
            let url = self.address.with_database(name).url;
            let mut record = Record::new();
            record.insert("name".into(), naming.call(name, "").into());
            record.insert("primary".into(), url.as_str().into());
            record
        })
    }

    /// One record for each schema whose name matches.
    pub(crate) async fn schemas(
        &self,
        matching: &Regex,
        naming: &Naming,
    ) -> Result<Vec<Record>, Trouble> {
        let mut session = self.open().await?;
        let names = session.list_schemas().await;
        session.close().await;
        let names = names.map_err(|error| self.refused(&error))?;
        self.matching(names, matching, "schemas", |name| {
            let mut record = Record::new();
            record.insert("name".into(), naming.call(name, "").into());
            record.insert("primary".into(), self.address.url.as_str().into());
            record.insert("schema".into(), name.into());
            record
        })
    }

    fn matching(
        &self,
        mut names: Vec<String>,
        matching: &Regex,
        what: &str,
        record: impl Fn(&str) -> Record,
    ) -> Result<Vec<Record>, Trouble> {
        names.sort();
        let found: Vec<_> = names
            .iter()
            .filter(|name| matching.is_match(name))
            .map(|name| record(name))
            .collect();
        if found.is_empty() {
            let there: Vec<_> = names
                .iter()
                .take(8)
                .map(|name| format!("`{name}`"))
                .collect();
            return Err(Trouble::new(format!(
                "none of the {} {what} of {} matches `{matching}`",
                names.len(),
                self.address
            ))
            .hint(format!("there are {}", there.join(", "))));
        }
        Ok(found)
    }

    async fn open(&self) -> Result<Box<dyn Session>, Trouble> {
        let shard = "catalog"
            .parse::<ShardName>()
            .map_err(|error| Trouble::new(error.to_string()))?;
        let target = Target {
            engine: self.address.engine,
            shard,
            url: self.address.url.clone(),
            password: self
                .password
                .map(|secret| Arc::clone(secret) as Arc<dyn PasswordSource>),
            schema: None,
            session_sql: Arc::default(),
            project: "".into(),
            history_table: "greylag_schema_history".into(),
            connect_timeout: self.source.timeout,
            application: "greylag/discover".into(),
        };
        greylag_engines::open(&target)
            .await
            .map_err(|error| Trouble::new(chain(&error)))
    }

    fn refused(&self, error: &EngineError) -> Trouble {
        Trouble::new(chain(error))
    }
}
