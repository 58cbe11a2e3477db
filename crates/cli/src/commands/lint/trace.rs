//! `greylag lint --trace`: scratch servers from the lab, and what is said while they run.

use super::{Lint, scope::Scope};
use crate::{output::Screen, problem::Problem};
use async_trait::async_trait;
use greylag_core::engine::Engine;
use greylag_lab::{Cluster, Installation, Missing, Options, StartError, installed};
use greylag_lint::{Report, ServerVersion};
use greylag_orchestrator::{
    Exit,
    files::FoundFile,
    scratch::{self, ScratchError, ScratchPair, ScratchServers, TraceFault, Tracing},
};
use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

/// What takes less is not worth a line.
const QUIET: Duration = Duration::from_secs(1);

/// Runs what is judged on scratch servers, and weighs the report with what was seen.
pub(super) async fn trace(
    verb: &Lint,
    scope: &Scope,
    screen: &Screen,
    report: &mut Report,
) -> Result<(), Problem> {
    let wanted = scope.wanted(verb)?;
    let judged = |file: &FoundFile| wanted.as_ref().is_none_or(|some| some.contains(&file.path));
    let review = scope.stands_on();
    let shards = scope.fleet.as_ref().map_or(&[][..], |fleet| &fleet.shards);
    let said = Mutex::new(Instant::now());
    let progress = |step: &str| {
        let mut said = said
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if said.elapsed() > QUIET {
            screen.say(format!("  {step}"));
            *said = Instant::now();
        }
    };
    let tracing = Tracing {
        review: &review,
        files: &scope.files,
        engines: &scope.engines,
        session_sql: shards
            .iter()
            .map(|shard| (shard.shard.engine, shard.target.session_sql.clone()))
            .collect(),
        servers: &LabServers,
        progress: &progress,
    };
    screen.say("tracing on servers of this machine; they end with this run");
    scratch::trace(&tracing, &judged, report)
        .await
        .map_err(problem)
}

fn problem(fault: TraceFault) -> Problem {
    let hint = match &fault {
        TraceFault::Servers(error) => error.hint.clone(),
        TraceFault::Earlier { .. } => Some(
            "the trace begins on an empty server: what shards had before their first migration, or have by hand, is missing there"
                .to_owned(),
        ),
        _ => None,
    };
    let problem = Problem::new(Exit::Error, fault.to_string());
    let problem = match std::error::Error::source(&fault) {
        Some(source) => problem.because(source),
        None => problem,
    };
    match hint {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}

/// Servers of the lab: on 127.0.0.1, gone with this process however it ends.
struct LabServers;

#[async_trait(?Send)]
impl ScratchServers for LabServers {
    async fn start(
        &self,
        engine: Engine,
        like: Option<ServerVersion>,
    ) -> Result<ScratchPair, ScratchError> {
        let start = async {
            let lab: greylag_lab::Engine = engine.as_str().parse()?;
            let installation = choose(installed(lab), like).ok_or(Missing { engine: lab })?;
            let version = installation.version.clone();
            let mut options = Options::default().on(installation);
            if lab == greylag_lab::Engine::Postgres {
                // The log of a statement is read once the statement is done, however much it wrote.
                options = options.set("wal_keep_size", "1TB");
            }
            let cluster = Cluster::start_with(lab, 1, options).await?;
            let database = cluster.database("trace").await?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(ScratchPair {
                version,
                primary: database.admin_url.parse()?,
                replica: cluster.replica(0).superuser_url(&database.name).parse()?,
                keep: Box::new(cluster),
            })
        };
        start.await.map_err(|why| ScratchError {
            engine: engine.title(),
            hint: hint(&*why),
            why,
        })
    }
}

/// Of the same major version, else the first that the machine has.
fn choose(all: Vec<Installation>, like: Option<ServerVersion>) -> Option<Installation> {
    let same = |one: &&Installation| like.is_some_and(|like| one.major() == like.major);
    let found = all.iter().find(same).cloned();
    found.or_else(|| all.into_iter().next())
}

fn hint(why: &(dyn std::error::Error + Send + Sync + 'static)) -> Option<String> {
    let missing = why.is::<Missing>()
        || matches!(
            why.downcast_ref::<StartError>(),
            Some(StartError::Missing(_))
        );
    missing.then(|| {
        "a trace needs the server programs here; without `--trace` the lint needs none".to_owned()
    })
}
