//! Runs a script, statement by statement, and measures each.

use super::{
    super::{
        afresh::RESETS,
        connect::establish,
        failure::{broken, hint, message},
        link::{Link, Trouble},
        quote::ident,
    },
    look::{Look, Names, query},
    outside,
    records::{self, Record},
};
use crate::{
    error::{EngineError, OpenError},
    target::Target,
    tracer::{TraceError, Tracer, missing_role, text_of},
};
use async_trait::async_trait;
use greylag_core::{
    script::{Script, Statement, Tx, TxControl},
    trace::{Measured, Refusal, Relation, Traced},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio_postgres::error::DbError;

const DOING: &str = "tracing";

/// How long the standby may take to catch up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Connects to a scratch primary and its standby.
pub async fn open(
    primary: &Target,
    replica: Option<&Target>,
) -> Result<Box<dyn Tracer>, OpenError> {
    let mut plain = primary.clone();
    plain.session_sql = Arc::new([]);
    let (work, login) = establish(&plain).await?;
    let (watch, _) = establish(&plain).await?;
    let (hold, _) = establish(&plain).await?;
    // Elsewhere on the server: what reads the log must not stand among the tables.
    let mut aside = plain.clone();
    aside.url.set_path("/postgres");
    let (log, _) = establish(&aside).await?;
    let standby = match replica {
        None => None,
        Some(replica) => {
            let mut replica = replica.clone();
            replica.session_sql = Arc::new([]);
            replica.url.set_path("/postgres");
            Some(establish(&replica).await?.0)
        }
    };
    let reads_log = records::prepare(&log).await;
    Ok(Box::new(PgTracer {
        target: primary.clone(),
        database: login.database,
        work,
        watch,
        hold,
        log,
        standby,
        reads_log,
        made: BTreeSet::new(),
    }))
}

struct PgTracer {
    target: Target,
    database: String,
    /// Runs the statements.
    work: Link,
    /// Looks on while one runs that can't be in a transaction.
    watch: Link,
    /// Holds such a one up.
    hold: Link,
    log: Link,
    standby: Option<Link>,
    reads_log: bool,
    /// Roles that were missing.
    made: BTreeSet<String>,
}

/// A statement that was measured, and what is needed to read the log's records on it.
struct Step {
    measured: Measured,
    log: (u64, u64),
    names: BTreeMap<u64, Relation>,
}

/// How a script ended.
enum Ended {
    Well(Vec<Step>),
    Refused(Vec<Step>, Refusal),
}

#[async_trait]
impl Tracer for PgTracer {
    async fn replay(&mut self, script: &Script, in_transaction: bool) -> Result<(), TraceError> {
        match self.script(script, in_transaction, None).await? {
            Ended::Well(_) => Ok(()),
            Ended::Refused(_, refusal) => Err(TraceError::Refused(refusal)),
        }
    }

    async fn trace(&mut self, script: &Script, in_transaction: bool) -> Result<Traced, TraceError> {
        let made = self.made.len();
        let home = self.value(&self.watch, "SELECT current_schema()").await?;
        let home = self.target.schema.clone().unwrap_or(home);
        let first = self.look(&self.watch).await?;
        let ended = self
            .script(script, in_transaction, Some((&first, &home)))
            .await?;
        let (steps, refused) = match ended {
            Ended::Well(steps) => (steps, None),
            Ended::Refused(steps, refusal) => (steps, Some(refusal)),
        };
        let mut traced = Traced {
            refused,
            ..Traced::default()
        };
        let end = records::flush(&self.log)
            .await
            .map_err(|t| self.broken(t))?;
        let records = self.records(&first, &end).await?;
        traced.replayed_after_us = self.replayed(&end).await?;
        traced.statements = steps
            .into_iter()
            .map(|step| with_records(step, records.as_deref()))
            .collect();
        traced.notes = self.notes(made);
        Ok(traced)
    }

    async fn close(self: Box<Self>) {
        for link in [self.work, self.watch, self.hold, self.log] {
            link.close().await;
        }
        if let Some(standby) = self.standby {
            standby.close().await;
        }
    }
}

impl PgTracer {
    /// Runs a script, again from its beginning where a role was missing.
    async fn script(
        &mut self,
        script: &Script,
        in_transaction: bool,
        first: Option<(&Look, &str)>,
    ) -> Result<Ended, EngineError> {
        loop {
            self.set_up().await?;
            let ended = self.once(script, in_transaction, first).await?;
            let Ended::Refused(_, refusal) = &ended else {
                return Ok(ended);
            };
            // Once something has committed, a second run would find it there.
            let afresh = in_transaction || refusal.statement == 0;
            let role = missing_role(&refusal.message).map(str::to_owned);
            match role {
                Some(role) if afresh && self.make_role(&role).await => {}
                _ => return Ok(ended),
            }
        }
    }

    /// The session as each script finds it.
    async fn set_up(&mut self) -> Result<(), EngineError> {
        let head = RESETS.map(|sql| format!("{sql};")).concat();
        let own =
            crate::session_sql::statements(&self.target).map_err(|why| EngineError::Lost {
                address: self.target.address(),
                doing: DOING,
                source: Box::new(why),
            })?;
        loop {
            let answer = self.work.run(&head, usize::MAX).await;
            let trouble = match answer.trouble {
                None if own.is_empty() => None,
                None => self.work.run(&own.join(";\n"), usize::MAX).await.trouble,
                trouble => trouble,
            };
            let Some(trouble) = trouble else {
                return Ok(());
            };
            if let Trouble::Server(said) = &trouble
                && let Some(role) = missing_role(said.message())
                && self.make_role(role).await
            {
                continue;
            }
            return Err(self.broken(trouble));
        }
    }

    async fn once(
        &self,
        script: &Script,
        in_transaction: bool,
        first: Option<(&Look, &str)>,
    ) -> Result<Ended, EngineError> {
        let mut steps = Vec::new();
        let mut before = first.map(|(look, _)| look.clone()).unwrap_or_default();
        let mut open = in_transaction;
        if open {
            self.plain("BEGIN").await?;
        }
        // Before a SET TRANSACTION nothing may be asked, for that would take the snapshot.
        let settled = script
            .statements
            .iter()
            .rposition(|statement| control_of(statement) == Some(TxControl::Set));
        // The session counts what it reads, and forgets between transactions: its counters are looked at within each.
        let mut counted = false;
        for (index, statement) in script.statements.iter().enumerate() {
            let control = control_of(statement);
            // What can be in a transaction is put into one of its own, where its locks can be seen.
            let alone = !open && control.is_none() && statement.tx == Tx::Can;
            if alone {
                self.plain("BEGIN").await?;
            }
            let inside = open || alone || control.is_some();
            let may_ask = settled.is_none_or(|at| index > at);
            if first.is_some() && inside && control.is_none() && may_ask && !counted {
                before.reads = self.look(&self.work).await?.reads;
                counted = true;
            }
            let begun = Instant::now();
            let (trouble, seen) = self
                .statement(script, statement, inside, &before, first)
                .await;
            let took = begun.elapsed();
            if let Some(trouble) = trouble {
                return self.refused(steps, index, trouble).await;
            }
            match control {
                Some(TxControl::Begin) => open = true,
                Some(TxControl::Commit | TxControl::Rollback) => {
                    (open, counted) = (false, false);
                    before = before.unlocked();
                }
                Some(_) => {}
                None => {
                    if let Some((first, home)) = first {
                        let link = if inside { &self.work } else { &self.watch };
                        let mut after = self.look(link).await?;
                        let names = Names { home, first };
                        if !inside {
                            after.locks = seen.locks;
                        }
                        let mut measured = names.measure(&before, &after, took);
                        measured.statement = index;
                        measured.in_transaction = open;
                        if !inside || !counted {
                            // Counted by the session that ran it, and told by the server at some later time.
                            measured.read = None;
                        }
                        let all = before.relations.keys().chain(after.relations.keys());
                        steps.push(Step {
                            log: (before.log, after.log),
                            names: all
                                .filter_map(|oid| {
                                    Some((*oid, names.relation(*oid, &before, &after)?))
                                })
                                .collect(),
                            measured,
                        });
                        counted &= open;
                        before = if open { after } else { after.unlocked() };
                    }
                }
            }
            if alone && let Some(trouble) = self.work.run("COMMIT", usize::MAX).await.trouble {
                return self.refused(steps, index, trouble).await;
            }
        }
        if open && let Some(trouble) = self.work.run("COMMIT", usize::MAX).await.trouble {
            let last = script.statements.len().saturating_sub(1);
            return self.refused(steps, last, trouble).await;
        }
        Ok(Ended::Well(steps))
    }

    /// Runs one statement; beside it what was seen of it, where it runs outside of a transaction.
    async fn statement(
        &self,
        script: &Script,
        statement: &Statement,
        inside: bool,
        before: &Look,
        first: Option<(&Look, &str)>,
    ) -> (Option<Trouble>, Look) {
        let sql = text_of(script, statement);
        if let Some(data) = &statement.copy_data {
            let copied = self.work.copy_in(&sql, &script.text[data.clone()]).await;
            return (copied.err(), Look::default());
        }
        if inside || first.is_none() {
            let answer = self.work.run(&sql, usize::MAX).await;
            self.work.hush();
            return (answer.trouble, Look::default());
        }
        let (answer, seen) = outside::run(&self.work, &self.watch, &self.hold, &sql, before).await;
        self.work.hush();
        (answer.trouble, seen)
    }

    async fn refused(
        &self,
        steps: Vec<Step>,
        statement: usize,
        trouble: Trouble,
    ) -> Result<Ended, EngineError> {
        let Trouble::Server(said) = trouble else {
            return Err(self.broken(trouble));
        };
        self.plain("ROLLBACK").await?;
        Ok(Ended::Refused(steps, refusal(&said, statement)))
    }

    /// A role that migrations name and a scratch server has not. False where it was made before, or can't be.
    async fn make_role(&mut self, role: &str) -> bool {
        let sql = format!("CREATE ROLE {} SUPERUSER", ident(role));
        let made = self.log.run(&sql, usize::MAX).await.trouble.is_none();
        made && self.made.insert(role.to_owned())
    }

    async fn look(&self, link: &Link) -> Result<Look, EngineError> {
        let text = self.value(link, &query(self.work.pid)).await?;
        Look::parse(&text).map_err(|why| EngineError::Foreign {
            address: self.target.address(),
            what: "an answer".into(),
            why: why.to_string(),
        })
    }

    async fn records(&self, first: &Look, end: &str) -> Result<Option<Vec<Record>>, EngineError> {
        if !self.reads_log {
            return Ok(None);
        }
        let oid = format!(
            "SELECT oid FROM pg_database WHERE datname = {}",
            super::super::quote::literal(&self.database)
        );
        let oid = self.value(&self.log, &oid).await?;
        let records = records::between(&self.log, &oid, first.log, end).await;
        records.map(Some).map_err(|trouble| self.broken(trouble))
    }

    /// Waits until the standby has replayed it all; how long that took. None without one, and where it takes too long.
    async fn replayed(&self, end: &str) -> Result<Option<u64>, EngineError> {
        let Some(standby) = &self.standby else {
            return Ok(None);
        };
        let begun = Instant::now();
        let sql = format!("SELECT pg_last_wal_replay_lsn() >= '{end}'");
        while begun.elapsed() < PATIENCE {
            if self.value(standby, &sql).await? == "t" {
                return Ok(u64::try_from(begun.elapsed().as_micros()).ok());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(None)
    }

    fn notes(&self, made: usize) -> Vec<String> {
        let mut notes = Vec::new();
        if self.made.len() > made {
            let names: Vec<&str> = self.made.iter().map(String::as_str).collect();
            notes.push(format!(
                "Roles that the scratch server lacked were made: {}.",
                names.join(", ")
            ));
        }
        if !self.reads_log {
            notes.push(
                "Which locks a standby replays can't be told: the server lacks pg_walinspect (PostgreSQL 15, contrib).".into(),
            );
        }
        notes
    }

    async fn value(&self, link: &Link, sql: &str) -> Result<String, EngineError> {
        let rows = link.run(sql, 0).await.into_rows();
        let rows = rows.map_err(|trouble| self.broken(trouble))?;
        let text = rows.first().and_then(|(_, row)| row.get(0));
        Ok(text.unwrap_or_default().to_owned())
    }

    async fn plain(&self, sql: &str) -> Result<(), EngineError> {
        match self.work.run(sql, usize::MAX).await.trouble {
            None => Ok(()),
            Some(trouble) => Err(self.broken(trouble)),
        }
    }

    fn broken(&self, trouble: Trouble) -> EngineError {
        broken(self.target.address(), DOING, Some(trouble))
    }
}

fn control_of(statement: &Statement) -> Option<TxControl> {
    match statement.tx {
        Tx::Control(control) => Some(control),
        _ => None,
    }
}

fn refusal(said: &DbError, statement: usize) -> Refusal {
    Refusal {
        statement,
        code: Some(said.code().code().to_owned()),
        message: message(said),
        hint: hint(said),
    }
}

/// A step, with the lock records that lie between its two looks.
fn with_records(step: Step, records: Option<&[Record]>) -> Measured {
    let Step {
        mut measured,
        log: (from, to),
        names,
    } = step;
    measured.replayed_locks = records.map(|records| {
        let own = records
            .iter()
            .filter(|record| from <= record.at && record.at < to);
        let locked: BTreeSet<Relation> = own
            .filter_map(|record| names.get(&record.relation).cloned())
            .collect();
        locked.into_iter().collect()
    });
    measured
}
