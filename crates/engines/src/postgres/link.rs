//! One connection: messages out, results and notices in.
//!
//! Knows the driver; knows nothing of migrations.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{SinkExt, StreamExt};
use tokio_postgres::{
    AsyncMessage, CancelToken, Client, Error, SimpleQueryMessage, SimpleQueryRow,
    error::{DbError, ErrorPosition, Severity},
};

use tokio_util::task::AbortOnDropHandle;

use super::tls::{Connection, Tls};

/// Notices kept of one message; a migration may raise one per row.
const NOTICES: usize = 100;

/// A connection and the task that drives it. The socket closes when this is dropped, whatever runs.
pub struct Link {
    client: Client,
    driver: AbortOnDropHandle<()>,
    notices: Arc<Mutex<Notices>>,
    pub tls: Tls,
    pub pid: i32,
}

#[derive(Default)]
struct Notices {
    kept: Vec<DbError>,
    dropped: usize,
}

/// What came back from one message.
#[derive(Default)]
pub struct Answer {
    /// Statements that completed, in order, before the end or the error.
    pub completed: usize,
    /// Rows of the results that were asked to be kept: the statement's index and the row.
    pub rows: Vec<(usize, SimpleQueryRow)>,
    pub trouble: Option<Trouble>,
    /// The connection was gone before the message could be sent.
    pub unsent: bool,
}

/// Why a message did not run to its end.
#[derive(Debug)]
pub enum Trouble {
    /// The server's word on the statement after the completed ones.
    Server(Box<DbError>),
    /// The connection is gone.
    Lost(Error),
    /// The server said something else than whether a transaction was committed.
    Unsaid(String),
}

impl Link {
    pub fn new(client: Client, mut connection: Connection, tls: Tls, pid: i32) -> Self {
        let notices = Arc::new(Mutex::new(Notices::default()));
        let inbox = Arc::clone(&notices);
        let driver = tokio::spawn(async move {
            loop {
                let message = std::future::poll_fn(|cx| connection.poll_message(cx)).await;
                match message {
                    Some(Ok(AsyncMessage::Notice(notice))) => {
                        let mut inbox = inbox.lock().unwrap_or_else(PoisonError::into_inner);
                        if inbox.kept.len() < NOTICES {
                            inbox.kept.push(notice);
                        } else {
                            inbox.dropped += 1;
                        }
                    }
                    Some(Ok(_)) => {}
                    Some(Err(error)) => {
                        tracing::debug!(%error, "a connection ended");
                        break;
                    }
                    None => break,
                }
            }
        });
        Self {
            client,
            // The socket closes with the task: the server sees that nobody is there, and rolls back.
            driver: AbortOnDropHandle::new(driver),
            notices,
            tls,
            pid,
        }
    }

    /// Sends one message and reads all of its answer. Rows are kept from the statement `keep` on.
    pub async fn run(&self, sql: &str, keep: usize) -> Answer {
        self.gather(sql, |at, _| at >= keep).await
    }

    /// Sends one message that has somebody else's text in it. Rows are kept that begin with a mark of ours, wherever they stand.
    pub async fn run_marked(&self, sql: &str, mark: &str) -> Answer {
        // A file may have chosen another encoding for its own rows.
        let first = |row: &SimpleQueryRow| row.try_get(0).ok().flatten().map(str::to_owned);
        self.gather(sql, |_, row| {
            first(row).is_some_and(|text| text.starts_with(mark))
        })
        .await
    }

    async fn gather(&self, sql: &str, keep: impl Fn(usize, &SimpleQueryRow) -> bool) -> Answer {
        let mut answer = Answer::default();
        let stream = match self.client.simple_query_raw(sql).await {
            Ok(stream) => stream,
            Err(error) => {
                answer.trouble = Some(Trouble::from(error));
                answer.unsent = true;
                return answer;
            }
        };
        let mut stream = std::pin::pin!(stream);
        while let Some(message) = stream.next().await {
            match message {
                Ok(SimpleQueryMessage::CommandComplete(_)) => answer.completed += 1,
                Ok(SimpleQueryMessage::Row(row)) if keep(answer.completed, &row) => {
                    answer.rows.push((answer.completed, row));
                }
                Ok(_) => {}
                Err(error) => {
                    let trouble = Trouble::from(error);
                    let lost = matches!(trouble, Trouble::Lost(_));
                    answer.trouble = Some(trouble);
                    // After the server's word the end of the message still comes; after a loss nothing does.
                    if lost {
                        break;
                    }
                }
            }
        }
        answer
    }

    /// Runs one `COPY … FROM STDIN` with its data.
    pub async fn copy_in(&self, sql: &str, data: &str) -> Result<(), Trouble> {
        let sink = self
            .client
            .copy_in::<_, std::io::Cursor<Vec<u8>>>(sql)
            .await?;
        let mut sink = std::pin::pin!(sink);
        for chunk in data.as_bytes().chunks(64 * 1024) {
            sink.send(std::io::Cursor::new(chunk.to_vec())).await?;
        }
        sink.finish().await?;
        Ok(())
    }

    /// Forgets the notices so far.
    pub fn hush(&self) {
        *self.notices.lock().unwrap_or_else(PoisonError::into_inner) = Notices::default();
    }

    /// The notices since the last time, in the server's words.
    pub fn notices(&self) -> Vec<(String, String)> {
        let mut inbox = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        let Notices { kept, dropped } = std::mem::take(&mut *inbox);
        let mut said: Vec<_> = kept
            .iter()
            .map(|notice| {
                let text = format!("{}: {}", notice.severity(), notice.message());
                (notice.code().code().to_owned(), text)
            })
            .collect();
        if dropped > 0 {
            said.push(("00000".into(), format!("and {dropped} more notices")));
        }
        said
    }

    pub fn cancel_token(&self) -> CancelToken {
        self.client.cancel_token()
    }

    /// Says goodbye and waits until the server has been told.
    pub async fn close(self) {
        let Self { client, driver, .. } = self;
        drop(client);
        // The goodbye is a courtesy: a server that does not take it is left alone.
        let _ = tokio::time::timeout(Duration::from_secs(5), driver).await;
    }
}

/// Where in the message the server points, in characters from 1.
pub fn position(said: &DbError) -> Option<u32> {
    match said.position() {
        Some(ErrorPosition::Original(at)) => Some(*at),
        _ => None,
    }
}

/// An error with its cause, which the driver keeps apart.
pub fn plain(error: &Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

impl Answer {
    /// The answer to what follows the first statements of the message.
    pub fn after(mut self, statements: usize) -> Self {
        self.completed = self.completed.saturating_sub(statements);
        self.rows.retain(|(index, _)| *index >= statements);
        for (index, _) in &mut self.rows {
            *index -= statements;
        }
        self
    }

    /// The row that begins with this mark.
    pub fn marked(&self, mark: &str) -> Option<&SimpleQueryRow> {
        let mut rows = self.rows.iter().map(|(_, row)| row);
        rows.find(|row| row.get(0) == Some(mark))
    }

    pub fn has(&self, mark: &str) -> bool {
        self.marked(mark).is_some()
    }

    /// The rows, or why there are none.
    pub fn into_rows(self) -> Result<Vec<(usize, SimpleQueryRow)>, Trouble> {
        match self.trouble {
            None => Ok(self.rows),
            Some(trouble) => Err(trouble),
        }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        let fatal = error.as_db_error().is_some_and(|said| {
            matches!(
                said.parsed_severity(),
                Some(Severity::Fatal | Severity::Panic)
            )
        });
        match error.as_db_error() {
            Some(said) if !fatal => Trouble::Server(Box::new(said.clone())),
            _ => Trouble::Lost(error),
        }
    }
}
