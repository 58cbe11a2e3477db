//! A connection that only looks.

use std::time::Duration;

use async_trait::async_trait;
use greylag_core::{
    history::HistoryRow,
    node::{Carried, NodeSighting, Published, Qualified, Taken},
    outcome::{Blocker, FailureClass},
};
use jiff::Timestamp;
use tokio_postgres::SimpleQueryRow;

use super::super::{
    connect::establish,
    failure::broken,
    link::{Link, Trouble},
    quote::{ident, literal},
    session::Login,
    survey::{HISTORY, history},
};
use super::sighting::sight;
use crate::{
    error::{EngineError, OpenError},
    observer::Observer,
    target::Target,
};

/// An answer that is late is none, and compiling a look that takes a millisecond takes longer than it.
const SETTINGS: &str = "SET statement_timeout = '10s'; SET lock_timeout = '2s'; SET jit = off";

/// The server gives a statement up before that: one that says nothing for so long is frozen, or cut off without a word.
const LATE: Duration = Duration::from_secs(12);

/// Connects to a node, primary or standby, to look at it.
pub async fn observe(target: &Target) -> Result<Box<dyn Observer>, OpenError> {
    let (link, login) = establish(target).await?;
    let observer = PgObserver {
        target: target.clone(),
        link,
        login,
        prepared: false,
        hidden: false,
        carries: false,
    };
    match observer.link.run(SETTINGS, usize::MAX).await.trouble {
        None => Ok(Box::new(observer)),
        Some(trouble) => Err(OpenError::Unreachable {
            address: target.address(),
            source: broken(target.address(), "setting the connection up", Some(trouble)).into(),
        }),
    }
}

pub(super) struct PgObserver {
    pub(super) target: Target,
    pub(super) link: Link,
    pub(super) login: Login,
    /// The server has the look's statement ready.
    pub(super) prepared: bool,
    /// The server does not tell this role which cluster it is.
    pub(super) hidden: bool,
    /// The look reads the shard's identity, too: its table is there.
    pub(super) carries: bool,
}

impl PgObserver {
    pub(super) async fn rows(
        &self,
        doing: &'static str,
        sql: &str,
    ) -> Result<Vec<SimpleQueryRow>, EngineError> {
        match self.answer(sql).await {
            Ok(rows) => Ok(rows),
            Err(trouble) => Err(self.broken(doing, Some(trouble))),
        }
    }

    pub(super) async fn answer(&self, sql: &str) -> Result<Vec<SimpleQueryRow>, Trouble> {
        let answer = self.link.run(sql, 0).await;
        self.link.hush();
        let rows = answer.into_rows()?;
        Ok(rows.into_iter().map(|(_, row)| row).collect())
    }

    pub(super) fn broken(&self, doing: &'static str, trouble: Option<Trouble>) -> EngineError {
        broken(self.target.address(), doing, trouble)
    }

    /// The schema that the history table is in, as a session of the same target finds it.
    async fn home(&self) -> Result<Option<String>, EngineError> {
        if let Some(schema) = &self.target.schema {
            return Ok(Some(schema.clone()));
        }
        let rows = self
            .rows("finding the schema", "SELECT current_schema()")
            .await?;
        Ok(rows.first().and_then(|row| row.get(0)).map(str::to_owned))
    }

    async fn read_history(&self) -> Result<Vec<HistoryRow>, EngineError> {
        const DOING: &str = "reading the history";
        let Some(schema) = self.home().await? else {
            return Ok(Vec::new());
        };
        let table = format!("{}.{}", ident(&schema), ident(&self.target.history_table));
        let sql = format!("SELECT {HISTORY} FROM {table} ORDER BY installed_rank");
        let rows = match self.answer(&sql).await {
            Ok(rows) => rows,
            // On a standby: the table's making is not replayed yet.
            Err(Trouble::Server(said)) if matches!(said.code().code(), "42P01" | "3F000") => {
                return Ok(Vec::new());
            }
            Err(trouble) => {
                let mut broken = self.broken(DOING, Some(trouble));
                if let EngineError::Server {
                    class: FailureClass::Permission,
                    hint,
                    ..
                } = &mut broken
                {
                    let role = ident(&self.login.user);
                    *hint = Some(format!(
                        "Run on the primary: GRANT USAGE ON SCHEMA {} TO {role}; GRANT SELECT ON {table} TO {role};",
                        ident(&schema)
                    ));
                }
                return Err(broken);
            }
        };
        rows.iter()
            .map(history)
            .collect::<Result<_, _>>()
            .map_err(|why| EngineError::Foreign {
                address: self.target.address(),
                what: "a row of the history table".into(),
                why,
            })
    }
}

/// What does not come in time is lost, and the connection with it.
async fn in_time<T>(
    address: String,
    look: impl Future<Output = Result<T, EngineError>>,
) -> Result<T, EngineError> {
    match tokio::time::timeout(LATE, look).await {
        Ok(seen) => seen,
        Err(_) => Err(EngineError::Lost {
            address,
            doing: "looking at a node",
            source: format!("no answer within {LATE:?}").into(),
        }),
    }
}

#[async_trait]
impl Observer for PgObserver {
    async fn observe(&mut self) -> Result<NodeSighting, EngineError> {
        let seen = in_time(self.target.address(), self.look()).await?;
        Ok(sight(
            seen,
            &self.target,
            &self.login.version,
            Timestamp::now(),
        ))
    }

    async fn history(&mut self) -> Result<Vec<HistoryRow>, EngineError> {
        in_time(self.target.address(), self.read_history()).await
    }

    async fn in_the_way(
        &mut self,
        tables: &[String],
        older_than: Duration,
    ) -> Result<Vec<Blocker>, EngineError> {
        in_time(self.target.address(), self.obstacles(tables, older_than)).await
    }

    async fn published(&mut self) -> Result<Option<Vec<String>>, EngineError> {
        let sql =
            "SELECT DISTINCT schemaname || '.' || tablename FROM pg_publication_tables ORDER BY 1";
        in_time(self.target.address(), async {
            let rows = self.rows("reading the publications", sql).await?;
            let any = "SELECT FROM pg_publication LIMIT 1";
            if rows.is_empty() && self.rows("reading the publications", any).await?.is_empty() {
                return Ok(None);
            }
            let tables = rows.iter().filter_map(|row| row.get(0)).map(str::to_owned);
            Ok(Some(tables.collect()))
        })
        .await
    }

    async fn publishes(
        &mut self,
        publications: &[String],
    ) -> Result<Option<Published>, EngineError> {
        let published = in_time(self.target.address(), self.read_published(publications));
        published.await.map(Some)
    }

    async fn carried(&mut self, publications: &[String]) -> Result<Vec<Carried>, EngineError> {
        self.read_carried(publications).await
    }

    async fn taken(&mut self, asked: &[Qualified]) -> Result<Taken, EngineError> {
        self.read_taken(asked).await
    }

    async fn partners(&mut self, tables: &[String]) -> Result<Vec<String>, EngineError> {
        if tables.is_empty() {
            return Ok(Vec::new());
        }
        let names: Vec<_> = tables
            .iter()
            .map(|table| format!("to_regclass({})", literal(table)))
            .collect();
        let sql = format!(
            "SELECT DISTINCT confrelid::regclass::text FROM pg_constraint \
             WHERE contype = 'f' AND conrelid IN ({}) ORDER BY 1",
            names.join(", ")
        );
        let rows = in_time(
            self.target.address(),
            self.rows("reading foreign keys", &sql),
        )
        .await?;
        let partners = rows.iter().filter_map(|row| row.get(0)).map(str::to_owned);
        Ok(partners.collect())
    }

    async fn close(self: Box<Self>) {
        self.link.close().await;
    }
}
