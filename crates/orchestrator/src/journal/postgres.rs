//! The journal in a PostgreSQL database: for teams and for the service.
//!
//! One connection, made again when it is lost. Every write is one statement, and safe to repeat after a lost answer.

mod acts;
mod connection;
mod schema;
mod shards;
mod work;

use super::{
    Act, Amendment, Holder, InboxItem, JournalError, KnownShard, LEASE, Lease, LeaseRow, LeaseTry,
    NewRollout, PlannedRow, RolloutRow, Scope, StoredRollout, Taken, store::Journal,
};
use async_trait::async_trait;
use connection::Door;
use greylag_core::{event::Stamped, fleet::ShardName};
use greylag_engines::PasswordSource;
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use tokio::{sync::Mutex, time::Instant};
use tokio_postgres::{Client, error::SqlState};
use work::Trouble;

/// How long a lost state store is sought again before the run stops: whoever holds a lease has lost it by then.
const PATIENCE: Duration = LEASE.unsigned_abs();

/// How long an answer is waited for: the server itself ends a statement before.
const ANSWER: Duration = Duration::from_secs(40);

pub struct Postgres {
    door: Door,
    client: Mutex<Option<Arc<Client>>>,
}

impl Postgres {
    /// Connects, and makes the tables where there are none.
    pub async fn open(
        url: &url::Url,
        password: Option<Arc<dyn PasswordSource>>,
    ) -> Result<Self, JournalError> {
        let door = Door::new(url, password);
        let client = door.connect().await?;
        schema::create(&client, door.at()).await?;
        Ok(Self {
            door,
            client: Mutex::new(Some(Arc::new(client))),
        })
    }

    /// Connects to read; none where there are no tables.
    pub async fn look(
        url: &url::Url,
        password: Option<Arc<dyn PasswordSource>>,
    ) -> Result<Option<Self>, JournalError> {
        let door = Door::new(url, password);
        let client = door.connect().await?;
        Ok(match schema::format(&client, door.at()).await? {
            0 => None,
            _ => Some(Self {
                door,
                client: Mutex::new(Some(Arc::new(client))),
            }),
        })
    }

    /// The connection there is, or a new one.
    async fn client(&self) -> Result<Arc<Client>, JournalError> {
        let mut held = self.client.lock().await;
        if let Some(client) = held.as_ref().filter(|client| !client.is_closed()) {
            return Ok(client.clone());
        }
        let client = Arc::new(self.door.connect().await?);
        *held = Some(client.clone());
        Ok(client)
    }
}

impl Postgres {
    /// Gives a connection up that does not answer.
    async fn let_go(&self, doing: &str) -> Trouble {
        *self.client.lock().await = None;
        Trouble::Said(JournalError::Unreachable {
            at: self.door.at().to_owned(),
            source: format!("no answer within {} s while {doing}", ANSWER.as_secs()).into(),
        })
    }
}

/// How often and how long a lost state store has been sought.
struct Search {
    doing: &'static str,
    deadline: Instant,
    pause: Duration,
    told: bool,
}

impl Search {
    fn new(doing: &'static str) -> Self {
        Self {
            doing,
            deadline: Instant::now() + PATIENCE,
            pause: Duration::from_millis(50),
            told: false,
        }
    }

    /// Waits before the next try; gives what failed back where there is none.
    async fn go_on(&mut self, at: &str, trouble: Trouble) -> Result<(), JournalError> {
        let why = match trouble {
            Trouble::Said(why @ JournalError::Unreachable { .. }) => why,
            Trouble::Said(why) => return Err(why),
            Trouble::Sql(source)
                if source.as_db_error().is_some_and(|e| !is_farewell(e.code())) =>
            {
                return Err(work::explain(at, self.doing, source));
            }
            Trouble::Sql(source) => JournalError::Unreachable {
                at: at.to_owned(),
                source: source.into(),
            },
        };
        if Instant::now() + self.pause > self.deadline {
            return Err(why);
        }
        if !self.told {
            self.told = true;
            tracing::warn!(
                "the state store {at} can't be reached, and is sought for {} s: nothing new starts meanwhile",
                PATIENCE.as_secs()
            );
        }
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(Duration::from_secs(2));
        Ok(())
    }
}

/// The server goes away (restart, failover), rather than refusing what was asked.
fn is_farewell(code: &SqlState) -> bool {
    [
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
    ]
    .contains(code)
}

/// Runs a statement on the connection; where that was lost, connects anew and runs it again.
macro_rules! run {
    ($self:ident, $doing:literal, |$c:ident, $at:ident| $work:expr) => {{
        let $at = $self.door.at();
        let mut search = Search::new($doing);
        loop {
            let trouble = match $self.client().await {
                Ok(client) => {
                    let $c = &*client;
                    match tokio::time::timeout(ANSWER, $work).await {
                        Ok(Ok(done)) => break Ok(done),
                        Ok(Err(trouble)) => trouble,
                        Err(_) => $self.let_go($doing).await,
                    }
                }
                Err(why) => Trouble::Said(why),
            };
            search.go_on($at, trouble).await?;
        }
    }};
}

#[async_trait]
impl Journal for Postgres {
    fn at(&self) -> String {
        self.door.at().to_owned()
    }

    async fn take_lease(&self, scope: &Scope, holder: &Holder) -> Result<LeaseTry, JournalError> {
        run!(self, "taking the lease", |c, at| work::take_lease(
            c, at, scope, holder
        ))
    }

    async fn renew(&self, lease: &Lease) -> Result<(), JournalError> {
        run!(self, "renewing the lease", |c, at| work::renew(
            c, at, lease
        ))
    }

    async fn release(&self, lease: &Lease) -> Result<(), JournalError> {
        run!(self, "releasing the lease", |c, at| work::release(c, lease))
    }

    async fn holder(&self, scope: &Scope) -> Result<Option<LeaseRow>, JournalError> {
        run!(self, "reading the lease", |c, at| work::holder(
            c, at, scope
        ))
    }

    async fn begin(&self, lease: &Lease, rollout: &NewRollout) -> Result<(), JournalError> {
        run!(self, "storing the plan", |c, at| work::begin(
            c, at, lease, rollout
        ))
    }

    async fn append(
        &self,
        lease: &Lease,
        rollout: &str,
        events: &[Stamped],
        taken: &[Taken],
    ) -> Result<(), JournalError> {
        run!(self, "appending events", |c, at| work::append(
            c, at, lease, rollout, events, taken
        ))
    }

    async fn rollouts(&self, scope: &Scope) -> Result<Vec<RolloutRow>, JournalError> {
        run!(self, "listing rollouts", |c, at| work::rollouts(c, scope))
    }

    async fn planned(&self, scope: &Scope, newest: u32) -> Result<Vec<PlannedRow>, JournalError> {
        run!(self, "reading what was planned", |c, at| work::planned(
            c, at, scope, newest
        ))
    }

    async fn rollout(&self, id: &str) -> Result<Option<StoredRollout>, JournalError> {
        run!(self, "reading a rollout", |c, at| work::rollout(c, at, id))
    }

    async fn events(&self, rollout: &str, after: u64) -> Result<Vec<Stamped>, JournalError> {
        run!(self, "reading events", |c, at| work::events(
            c, at, rollout, after
        ))
    }

    async fn post(&self, rollout: &str, by: &str, request: &Value) -> Result<u64, JournalError> {
        // The token makes a repetition after a lost answer the same request.
        let token = uuid::Uuid::new_v4().to_string();
        run!(self, "posting a request", |c, at| work::post(
            c, rollout, by, request, &token
        ))
    }

    async fn inbox(&self, rollout: &str) -> Result<Vec<InboxItem>, JournalError> {
        run!(self, "reading the inbox", |c, at| work::inbox(
            c, at, rollout
        ))
    }

    async fn answer(&self, item: u64) -> Result<Option<InboxItem>, JournalError> {
        run!(self, "reading a request", |c, at| work::answer(c, at, item))
    }

    async fn remember(&self, lease: &Lease, shards: &[KnownShard]) -> Result<(), JournalError> {
        run!(self, "remembering shards", |c, at| shards::remember(
            c, at, lease, shards
        ))
    }

    async fn amend(
        &self,
        scope: &Scope,
        lease: Option<&Lease>,
        amendments: &[Amendment],
    ) -> Result<bool, JournalError> {
        run!(self, "remembering shards", |c, at| shards::amend(
            c, at, scope, lease, amendments
        ))
    }

    async fn known(&self, scope: &Scope) -> Result<Vec<KnownShard>, JournalError> {
        run!(self, "reading known shards", |c, at| shards::known(
            c, at, scope
        ))
    }

    async fn forget(
        &self,
        scope: &Scope,
        shard: &ShardName,
        by: &str,
        reason: &str,
    ) -> Result<bool, JournalError> {
        run!(self, "forgetting a shard", |c, at| shards::forget(
            c, scope, shard, by, reason
        ))
    }

    async fn note(&self, scope: &Scope, act: &Act) -> Result<(), JournalError> {
        run!(self, "writing down what is done", |c, at| acts::note(
            c, scope, act
        ))
    }

    async fn acts(&self, scope: &Scope, at_most: usize) -> Result<Vec<Act>, JournalError> {
        run!(self, "reading what was done", |c, at| acts::read(
            c, at, scope, at_most
        ))
    }
}
