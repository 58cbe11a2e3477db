//! Runs a script, statement by statement, and measures each.

use super::{
    super::{
        failure::explain,
        link::{Link, Trouble},
        open as door, quote, url,
    },
    stored::Stored,
    watched::{Locks, Onlookers},
};
use crate::{
    error::{EngineError, OpenError},
    secret::Secret,
    target::Target,
    tracer::{TraceError, Tracer, text_of},
};
use async_trait::async_trait;
use greylag_core::{
    engine::Engine,
    script::{Script, Tx},
    trace::{Measured, Refusal, Relation, TakenLock, Traced},
};
use std::time::Instant;

const DOING: &str = "tracing";

/// Seconds that the replica may take to catch up.
const PATIENCE: u32 = 60;

const GREETING: &str = "SET NAMES utf8mb4; SET SESSION lock_wait_timeout = 60; \
    SELECT CONNECTION_ID(), VERSION(), @@version_comment, DATABASE()";

/// Connects to a scratch primary and its replica.
pub async fn open(
    primary: &Target,
    replica: Option<&Target>,
) -> Result<Box<dyn Tracer>, OpenError> {
    let (work, engine) = sit(primary).await?;
    let (watch, _) = sit(primary).await?;
    let (hold, _) = sit(primary).await?;
    let replica = match replica {
        None => None,
        Some(replica) => Some(sit(replica).await?.0),
    };
    let mut onlookers = Onlookers {
        watch,
        hold,
        engine,
        shows: false,
    };
    onlookers.prepare().await;
    Ok(Box::new(MysqlTracer {
        target: primary.clone(),
        engine,
        work,
        onlookers,
        replica,
    }))
}

async fn sit(target: &Target) -> Result<(Link, Engine), OpenError> {
    let address = url::read(target)?;
    let password = match &target.password {
        Some(source) => Some(source.resolve().await?),
        None => address.password.clone().map(Secret::new),
    };
    let (mut link, _) = door::connect(target, &address, password.as_ref(), true).await?;
    let row = door::greeted(target, &mut link, GREETING).await?;
    let column = |at: usize| row.get(at).cloned().flatten().unwrap_or_default();
    let flavour = door::known(target, &link, &column(0), &column(1), &column(2))?;
    Ok((link, flavour.engine()))
}

struct MysqlTracer {
    target: Target,
    engine: Engine,
    /// Runs the statements.
    work: Link,
    onlookers: Onlookers,
    replica: Option<Link>,
}

#[async_trait]
impl Tracer for MysqlTracer {
    async fn replay(&mut self, script: &Script, in_transaction: bool) -> Result<(), TraceError> {
        self.set_up().await?;
        let traced = self.script(script, in_transaction, false).await?;
        match traced.refused {
            None => Ok(()),
            Some(refusal) => Err(TraceError::Refused(refusal)),
        }
    }

    async fn trace(&mut self, script: &Script, in_transaction: bool) -> Result<Traced, TraceError> {
        self.set_up().await?;
        let mut traced = self.script(script, in_transaction, true).await?;
        if !self.onlookers.shows {
            traced.notes.push(
                "Metadata locks can't be seen: this server shows none (performance_schema, or MariaDB's plugin metadata_lock_info).".into(),
            );
        }
        self.wait_for_replica(&mut traced).await?;
        Ok(traced)
    }

    async fn close(self: Box<Self>) {
        let Onlookers { watch, hold, .. } = self.onlookers;
        for link in [self.work, watch, hold].into_iter().chain(self.replica) {
            link.close().await;
        }
    }
}

impl MysqlTracer {
    /// The session as each script finds it: a new one.
    async fn set_up(&mut self) -> Result<(), EngineError> {
        let fresh = async |target: &Target| {
            let (mut link, _) = sit(target).await?;
            door::session_sql(target, &mut link).await?;
            Ok::<_, OpenError>(link)
        };
        self.work = fresh(&self.target).await.map_err(|why| EngineError::Lost {
            address: self.target.address(),
            doing: DOING,
            source: Box::new(why),
        })?;
        Ok(())
    }

    async fn script(
        &mut self,
        script: &Script,
        in_transaction: bool,
        measured: bool,
    ) -> Result<Traced, EngineError> {
        let mut traced = Traced::default();
        let first = self.stored().await?;
        let mut before = first.clone();
        // Stages of the last statement tell a copy from work in place.
        let profiles = measured && self.work.run("SET SESSION profiling = 1").await.is_ok();
        if in_transaction {
            self.own("START TRANSACTION").await?;
        }
        for (index, statement) in script.statements.iter().enumerate() {
            let sql = text_of(script, statement);
            let control = matches!(statement.tx, Tx::Control(_));
            let begun = Instant::now();
            let (answer, locks) = if measured && !control {
                let tables: Vec<String> = before.tables().map(str::to_owned).collect();
                let ran = self.onlookers.run(&mut self.work, &sql, &tables).await;
                ran.map_err(|trouble| self.work.refused(trouble, DOING))?
            } else {
                (self.work.run(sql.as_str()).await, Locks::new())
            };
            let took = begun.elapsed();
            if let Err(trouble) = answer {
                traced.refused = Some(self.refusal(trouble, index)?);
                self.own("ROLLBACK").await?;
                return Ok(traced);
            }
            if !measured || control {
                continue;
            }
            let copied = profiles && self.copied().await?;
            let after = self.stored().await?;
            let (rewritten, built) = before.change(&after, &first);
            traced.statements.push(Measured {
                statement: index,
                duration_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
                locks: taken(locks, &first),
                algorithm: algorithm(copied, &rewritten, &built),
                rewritten,
                built,
                read: None,
                log_bytes: after.log.saturating_sub(before.log),
                replayed_locks: None,
                in_transaction,
            });
            before = after;
        }
        if in_transaction {
            self.own("COMMIT").await?;
        }
        Ok(traced)
    }

    /// Whether the last statement copied a table.
    async fn copied(&mut self) -> Result<bool, EngineError> {
        let stages = match self.work.run("SHOW PROFILE").await {
            Ok(answer) => answer.rows,
            Err(Trouble::Server(_)) => Vec::new(),
            Err(lost) => return Err(self.work.refused(lost, DOING)),
        };
        let stages = stages.into_iter().filter_map(|row| row.into_iter().next()?);
        Ok(stages
            .map(|stage| stage.to_ascii_lowercase())
            .any(|stage| stage.contains("copy to tmp table")))
    }

    async fn stored(&mut self) -> Result<Stored, EngineError> {
        let link = &mut self.onlookers.watch;
        let stored = Stored::read(link, self.engine).await;
        stored.map_err(|trouble| link.refused(trouble, DOING))
    }

    async fn wait_for_replica(&mut self, traced: &mut Traced) -> Result<(), EngineError> {
        let Some(replica) = &mut self.replica else {
            return Ok(());
        };
        let (here, there) = if self.engine == Engine::Mariadb {
            ("SELECT @@global.gtid_binlog_pos", "MASTER_GTID_WAIT")
        } else {
            (
                "SELECT @@global.gtid_executed",
                "WAIT_FOR_EXECUTED_GTID_SET",
            )
        };
        let watch = &mut self.onlookers.watch;
        let position = watch.value(here).await;
        let position = position
            .map_err(|t| watch.refused(t, DOING))?
            .unwrap_or_default();
        let begun = Instant::now();
        let wait = format!("SELECT {there}({}, {PATIENCE})", quote::text(&position));
        let answer = replica.value(&wait).await;
        let answer = answer.map_err(|t| replica.refused(t, DOING))?;
        match answer.as_deref() {
            Some("0") => {
                traced.replayed_after_us = u64::try_from(begun.elapsed().as_micros()).ok();
            }
            _ => traced.notes.push(format!(
                "The replica had not replayed it after {PATIENCE} s."
            )),
        }
        Ok(())
    }

    fn refusal(&self, trouble: Trouble, statement: usize) -> Result<Refusal, EngineError> {
        match trouble {
            Trouble::Server(error) => Ok(Refusal {
                statement,
                code: Some(error.code.to_string()),
                hint: explain(&error).hint,
                message: error.message,
            }),
            lost => Err(self.work.refused(lost, DOING)),
        }
    }

    async fn own(&mut self, sql: &str) -> Result<(), EngineError> {
        let done = self.work.run(sql).await;
        done.map(drop)
            .map_err(|trouble| self.work.refused(trouble, DOING))
    }
}

fn taken(locks: Locks, first: &Stored) -> Vec<TakenLock> {
    // The copy's own name, under way.
    let own = locks
        .into_iter()
        .filter(|(table, _)| !table.starts_with("#sql"));
    own.map(|(table, mode)| TakenLock {
        on: Relation {
            new: !first.has(&table),
            index_of: None,
            name: table,
        },
        mode: mode.to_owned(),
        held: false,
    })
    .collect()
}

/// In the server's words, as far as what was seen tells.
fn algorithm(copied: bool, rewritten: &[Relation], built: &[Relation]) -> Option<String> {
    let in_place = !rewritten.is_empty() || built.iter().any(|one| one.index_of.is_some());
    match (copied, in_place) {
        (true, _) => Some("COPY".into()),
        (false, true) => Some("INPLACE".into()),
        (false, false) => None,
    }
}
