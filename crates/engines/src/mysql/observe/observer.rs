//! One connection to a node, and what was learnt over it.

use super::{
    applier,
    open::{Seat, sit},
    past::Past,
    question::{self, Answers, Question, Refusal, Topic},
    sighting,
};
use crate::{
    error::{EngineError, OpenError},
    mysql::{blockers, history, link::Trouble, names::Names, quote, survey},
    observer::Observer,
    target::Target,
};
use async_trait::async_trait;
use greylag_core::{history::HistoryRow, node::NodeSighting, outcome::Blocker};
use jiff::Timestamp;
use std::time::{Duration, Instant};

/// Grants on everything reach new connections only: so often what was refused is asked again over one.
const ASK_AGAIN: Duration = Duration::from_secs(30);

const LOOKING: &str = "looking at a node";

pub struct MysqlObserver {
    target: Target,
    names: Names,
    /// None once it broke: the next look opens another.
    seat: Option<Seat>,
    past: Past,
    refusals: Vec<Refusal>,
    refused: Instant,
    /// The server has no GTIDs, as seen last.
    without_gtids: bool,
    /// What was last seen of transactions, and when.
    slow: Option<(Instant, Answers)>,
    /// When InnoDB's transactions were last read, by whatever question.
    read: Option<Instant>,
}

impl MysqlObserver {
    pub fn new(target: Target, seat: Seat) -> Self {
        let database = target.url.path().trim_start_matches('/').to_owned();
        let database =
            crate::mysql::url::read(&target).map_or(database, |address| address.database);
        Self {
            names: Names::new(&target, &database),
            target,
            seat: Some(seat),
            past: Past::default(),
            refusals: Vec::new(),
            refused: Instant::now(),
            without_gtids: false,
            slow: None,
            read: None,
        }
    }

    /// Within the target's time: a server that was frozen, or cut off without a word, answers nothing.
    async fn bounded<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Self) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        let limit = self.target.connect_timeout;
        let outcome = match tokio::time::timeout(limit, work(self)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(self.lost(format!("no answer within {limit:?}").into())),
        };
        if matches!(outcome, Err(EngineError::Lost { .. })) {
            self.seat = None;
        }
        outcome
    }

    fn lost(&self, source: Box<dyn std::error::Error + Send + Sync>) -> EngineError {
        EngineError::Lost {
            address: self.target.address(),
            doing: LOOKING,
            source,
        }
    }

    /// The connection; a new one where it broke, or where another may be allowed more.
    async fn seat(&mut self) -> Result<&mut Seat, EngineError> {
        let stale = !self.refusals.is_empty() && self.refused.elapsed() > ASK_AGAIN;
        if self.seat.is_none() || stale {
            let seat = sit(&self.target)
                .await
                .map_err(|e: OpenError| self.lost(Box::new(e)))?;
            if let Some(before) = self.seat.replace(seat) {
                before.link.close().await;
            }
            self.refusals.clear();
            self.refused = Instant::now();
        }
        self.seat.as_mut().ok_or_else(|| EngineError::Unable {
            engine: "MySQL",
            what: "be looked at without a connection",
        })
    }

    async fn look(&mut self) -> Result<NodeSighting, EngineError> {
        self.seat().await?;
        let (at, now) = (Timestamp::now(), Instant::now());
        let mut heard = Answers::default();
        self.slow = self
            .slow
            .take()
            .filter(|(read, _)| read.elapsed() < blockers::SLOWLY);
        let first = self.questions();
        let shard = survey::identity_sql(&self.names);
        self.ask(&first, Some(&shard), &mut heard).await?;
        let read_now = self.slow.is_none();
        match &self.slow {
            Some((_, slow)) => heard.extend(slow),
            None => {
                self.slow = Some((Instant::now(), heard.only(&question::SLOW)));
                self.read = Some(Instant::now());
            }
        }
        let second = self.follow_up(&heard);
        self.ask(&second, None, &mut heard).await?;
        heard.drop_partial(&first, &self.refusals);
        let blockers = match applier::waits(&heard) {
            true => self.replay_blockers(read_now).await?,
            false => Vec::new(),
        };
        let shard = heard
            .get(Topic::Shard)
            .and_then(|answer| answer.rows.first());
        let shard = shard
            .map(|row| survey::identity(&self.target, row))
            .transpose()?;
        let seat = self.seat().await?;
        let (flavour, version, account) =
            (seat.flavour, seat.version.clone(), seat.account.clone());
        Ok(sighting::build(sighting::Seen {
            at,
            now,
            flavour,
            version,
            account,
            database: &self.names.database,
            dialled: self.target.address(),
            heard: &heard,
            refusals: &self.refusals,
            blockers,
            shard,
            past: &mut self.past,
        }))
    }

    /// What is asked at once: all that was not refused.
    fn questions(&self) -> Vec<&'static Question> {
        let Some(seat) = &self.seat else {
            return Vec::new();
        };
        let look = seat.flavour.look();
        let refused = |topic| self.refusals.iter().any(|r| r.topic == topic);
        let fresh = |topic| self.slow.is_some() && question::SLOW.contains(&topic);
        let log = look.log.filter(|_| self.without_gtids);
        let log = log.map(|log| log(&seat.version));
        let hint = look.hint.filter(|_| refused(Topic::Replica));
        look.questions
            .iter()
            .chain(log)
            .chain(hint)
            .filter(|question| !refused(question.topic) && !fresh(question.topic))
            .collect()
    }

    /// What the answers make it necessary to ask besides; remembered, so that the next look asks it at once.
    fn follow_up(&mut self, heard: &Answers) -> Vec<&'static Question> {
        let gtids = heard
            .get(Topic::Facts)
            .and_then(|facts| facts.named(0, "gtids"));
        self.without_gtids = gtids == Some("0");
        let unasked = |q: &&Question| heard.get(q.topic).is_none();
        self.questions()
            .into_iter()
            .filter(|q| matches!(q.topic, Topic::Log | Topic::Hint))
            .filter(unasked)
            .collect()
    }

    async fn ask(
        &mut self,
        questions: &[&'static Question],
        shard: Option<&str>,
        heard: &mut Answers,
    ) -> Result<(), EngineError> {
        let mut refusals = Vec::new();
        let seat = self.seat().await?;
        let outcome = question::ask(&mut seat.link, questions, shard, heard, &mut refusals).await;
        let outcome = outcome.map_err(|trouble| seat.link.refused(trouble, LOOKING));
        if self.refusals.is_empty() {
            self.refused = Instant::now();
        }
        self.refusals.extend(refusals);
        outcome
    }

    /// Who holds what the applier waits for, as far as it may be seen.
    /// Asked more often than InnoDB looks itself, it would show for ever one who let go long ago; what this look has read just now
    /// (`read_now`) is of one moment with this.
    async fn replay_blockers(&mut self, read_now: bool) -> Result<Vec<Blocker>, EngineError> {
        if let Some(read) = self.read.filter(|_| !read_now) {
            tokio::time::sleep(blockers::SLOWLY.saturating_sub(read.elapsed())).await;
        }
        let seat = self.seat().await?;
        let mut found: Vec<Blocker> = Vec::new();
        for sql in seat.flavour.look().replay_blockers {
            match seat.link.run(*sql).await {
                Ok(answer) => {
                    let new = answer.rows.iter().filter_map(blockers::read);
                    for blocker in new {
                        if !found.iter().any(|known| known.pid == blocker.pid) {
                            found.push(blocker);
                        }
                    }
                }
                // Not allowed, or a plugin that is not there: what is missing has been said, or the next query does without.
                Err(Trouble::Server(_)) => {}
                Err(trouble) => return Err(seat.link.refused(trouble, LOOKING)),
            }
        }
        self.read = Some(Instant::now());
        Ok(found)
    }

    async fn read_history(&mut self) -> Result<Vec<HistoryRow>, EngineError> {
        let sql = history::all_sql(&self.names);
        let seat = self.seat().await?;
        let rows = match seat.link.run(sql).await {
            Ok(answer) => answer.rows,
            // Nothing has ever been replayed here.
            Err(Trouble::Server(error)) if matches!(error.code, history::MISSING | 1049) => {
                return Ok(Vec::new());
            }
            Err(trouble) => return Err(seat.link.refused(trouble, "reading the history")),
        };
        let address = self.target.address();
        rows.iter()
            .map(|row| history::read_row(&self.names, &address, row))
            .collect()
    }

    async fn holders(&mut self, tables: &[String]) -> Result<Vec<Blocker>, EngineError> {
        let ways = self.seat().await?.flavour.look().in_the_way;
        for (number, way) in ways.iter().enumerate() {
            let condition = condition(way, tables, &self.names.database);
            let seat = self.seat().await?;
            match seat.link.run(way.sql.replace("{tables}", &condition)).await {
                Ok(answer) => return Ok(answer.rows.iter().filter_map(blockers::read).collect()),
                // No such plugin: the next way does without.
                Err(Trouble::Server(error)) if number + 1 < ways.len() && error.code == 1109 => {}
                Err(trouble) => {
                    return Err(seat.link.refused(trouble, "looking for who is in the way"));
                }
            }
        }
        Ok(Vec::new())
    }
}

#[async_trait]
impl Observer for MysqlObserver {
    async fn observe(&mut self) -> Result<NodeSighting, EngineError> {
        self.bounded(Self::look).await
    }

    async fn history(&mut self) -> Result<Vec<HistoryRow>, EngineError> {
        self.bounded(Self::read_history).await
    }

    async fn in_the_way(
        &mut self,
        tables: &[String],
        older_than: Duration,
    ) -> Result<Vec<Blocker>, EngineError> {
        let mut all = self
            .bounded(async |observer: &mut Self| observer.holders(tables).await)
            .await?;
        all.retain(|blocker| u128::from(blocker.open_ms.unwrap_or(0)) >= older_than.as_millis());
        all.sort_by_key(|blocker| std::cmp::Reverse(blocker.open_ms));
        let mut seen = std::collections::BTreeSet::new();
        all.retain(|blocker| seen.insert(blocker.pid.clone()));
        Ok(all)
    }

    async fn close(self: Box<Self>) {
        if let Some(seat) = self.seat {
            seat.link.close().await;
        }
    }
}

/// `table`, or `database.table`.
fn condition(way: &question::InTheWay, tables: &[String], database: &str) -> String {
    if tables.is_empty() {
        return format!("{} = {}", way.schema, quote::text(database));
    }
    let pairs: Vec<String> = tables
        .iter()
        .map(|table| {
            let (schema, name) = table.split_once('.').unwrap_or((database, table));
            format!("({}, {})", quote::text(schema), quote::text(name))
        })
        .collect();
    format!("({}, {}) IN ({})", way.schema, way.name, pairs.join(", "))
}
