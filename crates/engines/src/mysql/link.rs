//! One connection: sends text, gathers answers, and knows what the server said of the transaction.
//!
//! Knows no table of ours and no meaning of any statement.

use crate::error::EngineError;
use mysql_async::{
    Column, Conn, Error, Opts, QueryResult, ServerError, TextProtocol, Value,
    consts::StatusFlags,
    prelude::{AsQuery, Queryable},
};

use std::{collections::BTreeMap, sync::Arc};

/// A row, as texts.
pub type Row = Vec<Option<String>>;

/// The answer to one statement.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub columns: Option<Arc<[Column]>>,
    pub rows: Vec<Row>,
    pub affected: u64,
    pub warnings: u16,
}

impl Answer {
    /// The value of a row in the column of this name; none where it is NULL, or where there is no such row or column.
    pub fn named(&self, row: usize, name: &str) -> Option<&str> {
        let columns = self.columns.as_deref()?;
        let at = columns
            .iter()
            .position(|column| column.name_ref().eq_ignore_ascii_case(name.as_bytes()))?;
        self.rows.get(row)?.get(at)?.as_deref()
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Trouble {
    /// The server's own word; the connection stands.
    Server(ServerError),
    /// The connection is gone, and with it what is known of the last statement.
    Lost(Box<dyn std::error::Error + Send + Sync>),
}

pub struct Link {
    conn: Conn,
    address: String,
}

impl Link {
    pub async fn connect(opts: Opts, address: String) -> Result<Link, Error> {
        Ok(Link {
            conn: Conn::new(opts).await?,
            address,
        })
    }

    /// The connection id of the handshake.
    pub fn id(&self) -> u32 {
        self.conn.id()
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// Runs one statement and returns its answer; of a procedure's several, the first, with the last one's counts.
    pub async fn run(&mut self, sql: impl AsQuery) -> Result<Answer, Trouble> {
        let mut answers = Vec::new();
        self.run_all(sql, &mut answers).await?;
        let last = answers.last().map(|a| (a.affected, a.warnings));
        let mut answer = answers.into_iter().next().unwrap_or_default();
        if let Some((affected, warnings)) = last {
            answer.affected = affected;
            answer.warnings = warnings;
        }
        Ok(answer)
    }

    /// Runs statements of one packet; what was answered before an error is in `answers` all the same.
    pub async fn run_all(
        &mut self,
        sql: impl AsQuery,
        answers: &mut Vec<Answer>,
    ) -> Result<(), Trouble> {
        let outcome = gather(&mut self.conn, sql, answers).await;
        outcome.map_err(trouble)
    }

    /// The session as the server gives a new one, but for what a login brings: variables, temporary tables, prepared statements and
    /// named locks are gone.
    pub async fn reset(&mut self) -> Result<(), Trouble> {
        match self.conn.reset().await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Trouble::Lost("this server can't reset a session".into())),
            Err(error) => Err(trouble(error)),
        }
    }

    /// The first value of the first row.
    pub async fn value(&mut self, sql: &str) -> Result<Option<String>, Trouble> {
        let answer = self.run(sql).await?;
        Ok(answer.rows.into_iter().next().and_then(|row| {
            let mut row = row.into_iter();
            row.next().flatten()
        }))
    }

    /// The rows of one query, each column under its name.
    pub async fn named_rows(
        &mut self,
        sql: &str,
    ) -> Result<Vec<BTreeMap<String, Option<String>>>, Trouble> {
        let rows: Vec<mysql_async::Row> = self.conn.query(sql).await.map_err(trouble)?;
        let named = |row: mysql_async::Row| {
            let columns: Vec<String> = row
                .columns_ref()
                .iter()
                .map(|c| c.name_str().into_owned())
                .collect();
            let values = row.unwrap_raw().into_iter().map(|v| v.and_then(text));
            columns.into_iter().zip(values).collect()
        };
        Ok(rows.into_iter().map(named).collect())
    }

    /// Whether a transaction is open, in the server's last word. None after an error, when its last word is stale.
    pub fn in_transaction(&self) -> Option<bool> {
        let ok = self.conn.last_ok_packet()?;
        Some(
            ok.status_flags()
                .contains(StatusFlags::SERVER_STATUS_IN_TRANS),
        )
    }

    /// Whether statements commit by themselves, in the server's last word.
    pub fn autocommits(&self) -> bool {
        self.conn.last_ok_packet().is_none_or(|ok| {
            ok.status_flags()
                .contains(StatusFlags::SERVER_STATUS_AUTOCOMMIT)
        })
    }

    /// Asks the server anew whether a transaction is open: after an error the flag is stale.
    pub async fn ask_transaction(&mut self) -> Result<bool, Trouble> {
        self.run("DO 0").await?;
        Ok(self.in_transaction().unwrap_or(false))
    }

    pub async fn close(self) {
        // The server notices a closed socket too; a failed goodbye has nothing to tell.
        let _ = self.conn.disconnect().await;
    }

    /// The error of a verb of ours.
    pub fn refused(&self, trouble: Trouble, doing: &'static str) -> EngineError {
        match trouble {
            Trouble::Lost(source) => EngineError::Lost {
                address: self.address.clone(),
                doing,
                source,
            },
            Trouble::Server(error) => {
                let known = super::failure::explain(&error);
                EngineError::Server {
                    address: self.address.clone(),
                    doing,
                    class: known.class,
                    code: Some(error.code.to_string()),
                    message: error.message,
                    hint: known.hint,
                }
            }
        }
    }
}

/// Codes after which the server hangs up; whether the statement took effect is not known.
fn hangs_up(code: u16) -> bool {
    matches!(
        code,
        1053 | 1077 | 1079 | 1080 | 1152 | 1153 | 1159 | 1161 | 1184 | 1927 | 3169 | 4031
    )
}

fn trouble(error: Error) -> Trouble {
    match error {
        Error::Server(error) if hangs_up(error.code) => Trouble::Lost(Box::new(error)),
        Error::Server(error) => Trouble::Server(error),
        other => Trouble::Lost(Box::new(other)),
    }
}

async fn gather(
    conn: &mut Conn,
    sql: impl AsQuery,
    answers: &mut Vec<Answer>,
) -> Result<(), Error> {
    let mut result = conn.query_iter(sql).await?;
    read_sets(&mut result, answers).await?;
    // The driver keeps the error of a later statement back until somebody asks for one row more.
    result.next().await.map(drop)
}

async fn read_sets(
    result: &mut QueryResult<'_, '_, TextProtocol>,
    answers: &mut Vec<Answer>,
) -> Result<(), Error> {
    while let Some(columns) = result.columns() {
        let mut answer = Answer {
            columns: Some(columns),
            rows: Vec::new(),
            affected: result.affected_rows(),
            warnings: result.warnings(),
        };
        while let Some(row) = result.next().await? {
            let row = row
                .unwrap_raw()
                .into_iter()
                .map(|v| v.and_then(text))
                .collect();
            answer.rows.push(row);
        }
        // Only now: a statement may be refused after it has named its columns.
        answers.push(answer);
    }
    Ok(())
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        }),
        other => Some(other.as_sql(true).trim_matches('\'').to_owned()),
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("id", &self.conn.id())
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
