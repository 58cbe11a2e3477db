//! The demo on real servers of this machine: a replica stops replaying half-way, the rollout waits and says for whom.

use super::teller::{Teller, choose, interrupted};
use crate::{
    commands::{apply::Aside, lab},
    interrupt,
    output::{Screen, count},
    problem::Problem,
    view::View,
    workplace::shown,
};
use greylag_core::{
    event::{Event, Stamped},
    gate::Verdict as GateVerdict,
};
use greylag_lab::{
    Engine,
    fleet::{self, FleetOptions},
};
use greylag_orchestrator::{Exit, Notice, Watcher, apply::Verdict};
use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

const SHARDS: usize = 4;
/// Neither in the canary nor in the last wave.
const LAGGARD: &str = "shard-02/replica1";
/// Long enough to read what it waits for.
const READING: Duration = Duration::from_secs(8);

const CHANGE: &str = "V4__add_order_notes.sql";
const CHANGE_SQL: &str = "ALTER TABLE orders ADD COLUMN note varchar(200);\n";

/// Tells the whole story. The servers and the project go when it is over, unless `keep`.
pub async fn tell(
    engine: Engine,
    folder: Option<&Path>,
    keep: bool,
    screen: &Screen,
) -> Result<Exit, Problem> {
    let folder = choose(folder)?;
    let teller = Teller::new(&folder, screen);
    interrupt::listen(teller.control.clone());
    teller.title(&format!(
        "A fleet of {SHARDS} {engine} shards, each with a replica"
    ));
    let told = story(engine, &folder, &teller, screen).await;
    if keep && told.is_ok() {
        let down = format!("lab down --dir {}", shown(&folder));
        teller.next(
            &[
                ("fleet", "every node, and how far behind it is"),
                ("lab pause shard-03/replica1 --dir .", "make one lag"),
                ("new \"add shipping address\"", "then write its SQL, and:"),
                ("apply", "watch it wait, and say for whom"),
            ],
            &format!("The servers run until `{down}`."),
        );
        return Ok(Exit::Done);
    }
    let removed = clear(&folder, &teller);
    told.and(removed).map(|()| Exit::Done)
}

async fn story(
    engine: Engine,
    folder: &Path,
    teller: &Teller<'_>,
    screen: &Screen,
) -> Result<(), Problem> {
    let options = FleetOptions {
        engine,
        shards: SHARDS,
        replicas: 1,
        dir: folder.to_owned(),
        bin: None,
    };
    let progress = |step: &str| screen.say(format!("  {step}"));
    tokio::select! {
        up = fleet::up(&options, &progress) => up.map_err(cannot)?,
        () = teller.control.interrupted() => return Err(interrupted()),
    };
    teller.say(&format!(
        "{} holds a project that names them, and a few migrations. The first rollout takes all\nshards to V3; each is done once its replica has replayed its migrations, too.",
        shown(folder)
    ));
    let first = teller.apply(None).await?;
    teller.expect(&first, Verdict::Done)?;

    teller.title("A replica falls behind, and the rollout waits");
    let change = folder.join("migrations").join(CHANGE);
    fs::write(&change, CHANGE_SQL).map_err(|error| {
        Problem::new(Exit::Error, format!("{} can't be written", shown(&change))).because(&error)
    })?;
    teller.say(
        "V4 adds a column. Before it goes out, somebody stops replaying on a replica in the second wave,\nas a backup or a long report would:",
    );
    teller.command(&format!(
        "greylag lab pause {LAGGARD} --dir {}",
        shown(folder)
    ));
    fleet::pause(folder, LAGGARD).await.map_err(cannot)?;
    teller.done(&format!("{LAGGARD} replays nothing until it is resumed"));
    let (aside, waited) = resume_once_it_waits(folder);
    let second = teller.apply(Some(aside)).await?;
    teller.expect(&second, Verdict::Done)?;
    if !waited.load(Ordering::Relaxed) {
        return Err(Problem::new(
            Exit::Error,
            format!("the rollout did not wait for {LAGGARD}, which replayed nothing"),
        ));
    }

    teller.title("Where the fleet stands");
    teller.status().await
}

/// Hears that a shard waits for the laggard; lets it replay again a little later, and says so in the view.
fn resume_once_it_waits(folder: &Path) -> (Aside, Arc<AtomicBool>) {
    let waited = Arc::new(AtomicBool::new(false));
    let (seen, folder) = (Arc::clone(&waited), folder.to_owned());
    let aside = move |notice: &Notice, view: &Arc<View>| {
        if !waits_for_laggard(notice) || seen.swap(true, Ordering::Relaxed) {
            return;
        }
        let (folder, view) = (folder.clone(), Arc::clone(view));
        tokio::spawn(async move {
            tokio::time::sleep(READING).await;
            let text = match fleet::resume(&folder, LAGGARD).await {
                Ok(()) => format!("somebody lets it replay again: greylag lab resume {LAGGARD}"),
                Err(error) => format!("{LAGGARD} could not be resumed: {error}"),
            };
            view.notice(&Notice::Warning { shard: None, text });
        });
    };
    (Arc::new(aside), waited)
}

/// Whether a reason to wait names the laggard, whatever the reason.
fn waits_for_laggard(notice: &Notice) -> bool {
    let reasons = match notice {
        Notice::Live { event, .. } | Notice::Event(Stamped { event, .. }) => match event {
            Event::ShardWaiting { reasons, .. } => reasons,
            Event::GateAnswered {
                verdict: GateVerdict::Wait { reasons },
                ..
            } => reasons,
            _ => return false,
        },
        Notice::Waiting { reasons } => reasons,
        _ => return false,
    };
    reasons
        .iter()
        .any(|reason| crate::output::wait_reason(reason).contains(LAGGARD))
}

/// Ends the servers and removes what the demo made.
fn clear(folder: &Path, teller: &Teller<'_>) -> Result<(), Problem> {
    if !folder.join("lab.json").exists() {
        return Ok(());
    }
    teller.command(&format!("greylag lab down --dir {}", shown(folder)));
    // The demo's own, which the lab would keep as somebody's work.
    let _ = fs::remove_file(folder.join("migrations").join(CHANGE));
    let removed = fleet::down(folder, &|_| {}).map_err(cannot)?;
    teller.done(&format!(
        "{} ended, their data and the project are gone (--keep leaves both)",
        count(removed.ended, "server")
    ));
    Ok(())
}

fn cannot(error: fleet::FleetError) -> Problem {
    let missing = matches!(error, fleet::FleetError::Missing(_));
    let problem = lab::problem(error);
    match missing {
        true => problem.hint("`greylag demo` without --engine needs no server"),
        false => problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_servers_is_told_what_to_install_and_what_needs_none() {
        let missing = greylag_lab::Missing {
            engine: Engine::MySql,
        };
        let problem = cannot(missing.into());
        assert_eq!(problem.exit, Exit::Error);
        let said = &problem.message;
        assert!(
            said.starts_with("no MySQL server on this machine: "),
            "{said}"
        );
        assert!(
            said.contains("install it") && said.contains("GREYLAG_LAB_MYSQL"),
            "{said}"
        );
        let hint = "`greylag demo` without --engine needs no server";
        assert!(problem.hints.iter().any(|one| one == hint));
    }
}
