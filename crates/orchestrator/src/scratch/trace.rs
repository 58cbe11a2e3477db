//! Runs the migrations before, then those in question, on a scratch primary with a replica, and compares what they did with
//! what the rules say.

use super::servers::{ScratchError, ScratchPair, ScratchServers};
use crate::{files::FoundFile, review::Review};
use greylag_core::{
    engine::Engine,
    fleet::ShardName,
    migration::{FileName, MigrationId},
    trace::Refusal,
};
use greylag_engines::{OpenError, Target, TraceError, Tracer};
use greylag_lint::{Report, ServerVersion, Trace, TracedFile, Unit, weigh};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
    time::Duration,
};
use url::Url;

/// What is traced, and on what.
pub struct Tracing<'a> {
    pub review: &'a Review<'a>,
    pub files: &'a [FoundFile],
    pub engines: &'a BTreeSet<Engine>,
    /// SQL that the project runs on each working connection, by engine.
    pub session_sql: BTreeMap<Engine, Arc<[String]>>,
    pub servers: &'a dyn ScratchServers,
    /// Told what is done now.
    pub progress: &'a (dyn Fn(&str) + Send + Sync),
}

impl fmt::Debug for Tracing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracing")
            .field("files", &self.files.len())
            .field("engines", &self.engines)
            .finish_non_exhaustive()
    }
}

/// A trace could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TraceFault {
    #[error(transparent)]
    Servers(#[from] ScratchError),
    #[error("the scratch server can't be connected to")]
    Open(#[from] OpenError),
    #[error("the scratch server broke off")]
    Broken(#[source] TraceError),
    /// What comes before can't be run, so that nothing after it can be traced.
    #[error("{script}:{line}: the scratch server refuses what ran before: {}", .refusal.message)]
    Earlier {
        script: String,
        line: u32,
        refusal: Refusal,
    },
    #[error("{script} can't be read, so that nothing after it can be traced")]
    Unreadable { script: String },
}

/// Traces the files that are judged, on servers of each engine, and weighs the report with what was seen. Servers are started
/// once and gone at the end, whatever comes of it.
pub async fn trace(
    tracing: &Tracing<'_>,
    judged: &(dyn Fn(&FoundFile) -> bool + Sync),
    report: &mut Report,
) -> Result<(), TraceFault> {
    for engine in tracing.engines {
        let units = tracing.review.units(*engine, tracing.files, judged);
        let facts = tracing.review.facts.and_then(|facts| facts.get(engine));
        let trace = match units.iter().any(is_run) {
            true => of_engine(tracing, *engine, &units).await?,
            false => continue,
        };
        weigh(report, &units, tracing.review.settings, facts, trace);
    }
    Ok(())
}

/// Judged, and something that goes forward.
fn is_run(unit: &Unit) -> bool {
    unit.is_judged() && goes_forward(unit)
}

fn goes_forward(unit: &Unit) -> bool {
    matches!(
        FileName::parse(&unit.script),
        Ok(Ok(name)) if !matches!(name.id, MigrationId::Undo(_))
    )
}

async fn of_engine(
    tracing: &Tracing<'_>,
    engine: Engine,
    units: &[Unit],
) -> Result<Trace, TraceFault> {
    let mut trace = Trace {
        engine,
        version: String::new(),
        replayed: 0,
        files: Vec::new(),
        notes: Vec::new(),
    };
    if engine.facts().replication == greylag_core::engine::Replication::None {
        trace.notes.push(format!(
            "{} has nothing to trace: one lock for the whole file, and no replicas. The findings are all there is to say.",
            engine.title()
        ));
        return Ok(trace);
    }
    let wanted = versions(tracing, engine);
    (tracing.progress)(&format!(
        "starting a {} primary and its replica",
        engine.title()
    ));
    let pair = tracing
        .servers
        .start(engine, wanted.map(|(oldest, _)| oldest))
        .await?;
    trace.version.clone_from(&pair.version);
    trace.notes.extend(other_version(engine, &pair, wanted));
    let (primary, replica) = (
        target(tracing, engine, &pair.primary),
        target(tracing, engine, &pair.replica),
    );
    let tracer = greylag_engines::trace(&primary, Some(&replica)).await?;
    let Some(mut tracer) = tracer else {
        return Ok(trace);
    };
    let run = run(tracing, units, &mut *tracer, &mut trace).await;
    tracer.close().await;
    // Ended before anybody is told: nothing is left behind.
    drop(pair);
    run.map(|()| trace)
}

/// The oldest and newest server that the fleet has, or the project says.
fn versions(tracing: &Tracing<'_>, engine: Engine) -> Option<(ServerVersion, ServerVersion)> {
    let seen = tracing.review.facts.and_then(|facts| facts.get(&engine));
    let seen = seen.and_then(|facts| facts.versions.get(&engine));
    let known = seen.or_else(|| tracing.review.settings.versions.get(&engine))?;
    Some((known.oldest, known.newest))
}

fn other_version(
    engine: Engine,
    pair: &ScratchPair,
    wanted: Option<(ServerVersion, ServerVersion)>,
) -> Option<String> {
    let (oldest, newest) = wanted?;
    let own: ServerVersion = pair.version.parse().ok()?;
    (own.major < oldest.major || own.major > newest.major).then(|| {
        format!(
            "Measured on {} {}, while the fleet runs {oldest} to {newest}.",
            engine.title(),
            pair.version
        )
    })
}

async fn run(
    tracing: &Tracing<'_>,
    units: &[Unit],
    tracer: &mut dyn Tracer,
    trace: &mut Trace,
) -> Result<(), TraceFault> {
    let last = units.iter().rposition(is_run).unwrap_or(0);
    let forward = units[..=last].iter().filter(|unit| goes_forward(unit));
    for unit in forward {
        let script = unit.script.clone();
        let Ok(content) = &unit.content else {
            // Its finding says what is wrong with it.
            let end = "so that nothing from there on was traced";
            if unit.is_judged() {
                trace.notes.push(format!("{script} can't be read, {end}."));
                return Ok(());
            }
            return Err(TraceFault::Unreadable { script });
        };
        let in_transaction = content.in_transaction();
        if !unit.is_judged() {
            (tracing.progress)(&format!("running {script}"));
            let replayed = tracer.replay(&content.script, in_transaction).await;
            trace.replayed += 1;
            match replayed {
                Ok(()) => continue,
                Err(TraceError::Refused(refusal)) => {
                    let statement = content.script.statements.get(refusal.statement);
                    let line = statement.map_or(1, |statement| statement.line);
                    return Err(TraceFault::Earlier {
                        script,
                        line,
                        refusal,
                    });
                }
                Err(other) => return Err(TraceFault::Broken(other)),
            }
        }
        (tracing.progress)(&format!("tracing {script}"));
        let seen = tracer.trace(&content.script, in_transaction).await;
        let seen = seen.map_err(TraceFault::Broken)?;
        let refused = seen.refused.is_some();
        trace.files.push(TracedFile { script, seen });
        if refused {
            return Ok(());
        }
    }
    Ok(())
}

fn target(tracing: &Tracing<'_>, engine: Engine, url: &Url) -> Target {
    Target {
        engine,
        shard: scratch_name(),
        url: url.clone(),
        password: None,
        schema: None,
        session_sql: tracing
            .session_sql
            .get(&engine)
            .cloned()
            .unwrap_or_default(),
        project: "greylag".into(),
        history_table: "greylag_schema_history".into(),
        connect_timeout: Duration::from_secs(20),
        application: "greylag/trace".into(),
    }
}

/// Not a shard: a name for messages.
fn scratch_name() -> ShardName {
    "scratch".parse().expect("a plain word is a name")
}
