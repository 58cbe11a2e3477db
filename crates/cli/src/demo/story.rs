//! The demo on embedded shards, step by step.

use super::{
    fleet::{DemoError, MEND, ODD_ONE, Place, SHARDS, name},
    teller::{Teller, choose},
};
use crate::{interrupt, output::Screen, problem::Problem, workplace::shown};
use greylag_orchestrator::{Exit, apply::Verdict};
use std::path::Path;

/// Tells the whole story, and leaves the project behind.
pub async fn tell(folder: Option<&Path>, screen: &Screen) -> Result<Exit, Problem> {
    let place = Place {
        folder: choose(folder)?,
    };
    let teller = Teller::new(&place.folder, screen);
    interrupt::listen(teller.control.clone());
    teller.title("A fleet of 24 shards");
    place.scaffold().map_err(failed)?;
    teller.say(&format!(
        "{} holds a project: greylag.toml, two migrations, and {SHARDS} empty SQLite databases\nthat shards.csv names, on six hosts. The first rollout takes all of them to V2.",
        shown(&place.folder)
    ));
    let first = teller.apply(None).await?;
    teller.expect(&first, Verdict::Done)?;
    for number in 1..=SHARDS {
        place.fill(number).map_err(failed)?;
        teller.go_on()?;
    }

    teller.title("A change goes out: canary, small batch, fleet");
    place.write_change().map_err(failed)?;
    teller.say(
        "The shop took orders since. V3 adds totals to them; V4 allows an e-mail address once.",
    );
    let second = teller.apply(None).await?;
    teller.expect(&second, Verdict::Split)?;

    teller.title("Stopped, and nothing is lost");
    teller.say(&format!(
        "{} holds a customer twice. Nothing new was started after that, and its migration was rolled\nback whole. Somebody looks at the data and mends it:",
        name(ODD_ONE)
    ));
    teller.command(&format!("sqlite3 shards/{}.db \"{MEND}\"", name(ODD_ONE)));
    place.mend().map_err(failed)?;
    teller.retry(&name(ODD_ONE)).await?;
    teller.say("The next apply takes up the same rollout: what is done stays done.");
    let third = teller.apply(None).await?;
    teller.expect(&third, Verdict::Done)?;

    teller.title("Where the fleet stands");
    teller.status().await?;
    teller.next(
        &[
            ("fleet list", "who is there"),
            ("rollout show --events", "what happened, event by event"),
            ("new \"add shipping address\"", "then write its SQL, and:"),
            ("plan", "what would happen"),
            ("apply", "watch it go; ^C stops cleanly, apply goes on"),
            ("status --output json", "for a program"),
        ],
        "The same with real servers and replicas: `demo --engine postgres`. Your own project: `init`.",
    );
    Ok(Exit::Done)
}

fn failed(error: DemoError) -> Problem {
    let mut problem = Problem::new(Exit::Error, error.to_string());
    problem
        .causes
        .extend(std::error::Error::source(&error).map(ToString::to_string));
    problem
}
