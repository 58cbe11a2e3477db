//! What the demo tells, step by step.

use super::fleet::{DemoError, MEND, ODD_ONE, Place, SHARDS, name};
use crate::{
    arguments::Global,
    commands::{
        apply::{Ended, Run, carry},
        report::print_summary,
        status,
    },
    interrupt,
    output::{Format, Paint, Screen, paint},
    problem::Problem,
    workplace::{self, Journal, Workplace, shown},
};
use greylag_orchestrator::{
    Control, Exit,
    apply::{Options, Summary, Verdict},
    control::Level,
    planning::Ask,
    steering::{self, Request},
};
use std::path::{Path, PathBuf};

/// Tells the whole story, and leaves the project behind.
pub async fn tell(folder: Option<&Path>, screen: &Screen) -> Result<Exit, Problem> {
    let place = Place {
        folder: choose(folder)?,
    };
    let teller = Teller::new(&place, screen);
    interrupt::listen(teller.control.clone());
    teller.title("A fleet of 24 shards");
    place.scaffold().map_err(failed)?;
    teller.say(&format!(
        "{} holds a project: greylag.toml, two migrations, and {SHARDS} empty SQLite databases\nthat shards.csv names, on six hosts. The first rollout takes all of them to V2.",
        shown(&place.folder)
    ));
    let first = teller.apply().await?;
    teller.expect(&first, Verdict::Done)?;
    for number in 1..=SHARDS {
        place.fill(number).map_err(failed)?;
        if teller.control.level() != Level::Run {
            return teller.stop();
        }
    }

    teller.title("A change goes out: canary, small batch, fleet");
    place.write_change().map_err(failed)?;
    teller.say(
        "The shop took orders since. V3 adds totals to them; V4 allows an e-mail address once.",
    );
    let second = teller.apply().await?;
    teller.expect(&second, Verdict::Split)?;

    teller.title("Stopped, and nothing is lost");
    teller.say(&format!(
        "{} holds a customer twice. Nothing new was started after that, and its migration was rolled\nback whole. Somebody looks at the data and mends it:",
        name(ODD_ONE)
    ));
    teller.command(&format!("sqlite3 shards/{}.db \"{MEND}\"", name(ODD_ONE)));
    place.mend().map_err(failed)?;
    teller.command(&format!("greylag rollout retry {}", name(ODD_ONE)));
    teller.retry().await?;
    teller.say("The next apply takes up the same rollout: what is done stays done.");
    let third = teller.apply().await?;
    teller.expect(&third, Verdict::Done)?;

    teller.title("Where the fleet stands");
    teller.command("greylag status");
    let workplace = teller.open(Journal::Look).await?;
    status::print(&workplace, screen).await?;
    teller.next();
    Ok(Exit::Done)
}

struct Teller<'a> {
    place: &'a Place,
    screen: &'a Screen,
    global: Global,
    control: Control,
}

impl<'a> Teller<'a> {
    fn new(place: &'a Place, screen: &'a Screen) -> Self {
        let global = Global {
            config: Some(place.config()),
            output: Format::Human,
            no_color: false,
            quiet: screen.quiet,
            verbose: 0,
        };
        Self {
            place,
            screen,
            global,
            control: Control::new(),
        }
    }

    async fn open(&self, mode: Journal) -> Result<Workplace, Problem> {
        workplace::open(&self.global, self.screen, mode).await
    }

    /// `greylag apply --yes`.
    async fn apply(&self) -> Result<Summary, Problem> {
        self.command("greylag apply --yes");
        let workplace = self.open(Journal::Write).await?;
        let run = Run {
            saved: None,
            ask: Ask::default(),
            options: Options::default(),
            dry_run: false,
            yes: true,
        };
        match carry(&workplace, run, self.screen, self.control.clone()).await? {
            Ended::Ran(summary, board) => {
                print_summary(self.screen, &summary, &board, &workplace);
                Ok(*summary)
            }
            Ended::Nothing(_) => Err(Problem::new(Exit::Error, "the demo's apply did nothing")),
        }
    }

    /// `greylag rollout retry`.
    async fn retry(&self) -> Result<(), Problem> {
        let workplace = self.open(Journal::Write).await?;
        let shards = vec![workplace.shard(&name(ODD_ONE))?];
        let done = steering::steer(&workplace.setup, None, Request::Retry { shards }).await?;
        self.screen
            .result(format!("{} {}", paint(Paint::Good, "✓"), done.what));
        Ok(())
    }

    fn expect(&self, summary: &Summary, verdict: Verdict) -> Result<(), Problem> {
        if summary.verdict == verdict {
            return Ok(());
        }
        let went_on = Problem::new(Exit::from_code(summary.exit_code), "the demo ends here");
        Err(match self.control.level() {
            Level::Run => went_on.hint(format!("what it left is in {}", shown(&self.place.folder))),
            Level::Drain | Level::Cancel => went_on.hint(format!(
                "`cd {} && {} apply` goes on where it stopped",
                shown(&self.place.folder),
                program()
            )),
        })
    }

    fn stop(&self) -> Result<Exit, Problem> {
        Err(Problem::new(Exit::Error, "the demo was interrupted"))
    }

    fn title(&self, text: &str) {
        let rest = 78usize.saturating_sub(text.chars().count());
        self.screen.result(format!(
            "\n{} {}",
            paint(Paint::Strong, text),
            paint(Paint::Dim, "─".repeat(rest))
        ));
    }

    fn say(&self, text: &str) {
        self.screen.result(text);
    }

    fn command(&self, text: &str) {
        self.screen.result(format!(
            "\n{} {}",
            paint(Paint::Dim, "$"),
            paint(Paint::Name, text)
        ));
    }

    fn next(&self) {
        let program = program();
        self.title("What to try next");
        self.screen
            .result(format!("cd {}", shown(&self.place.folder)));
        let rows = [
            ("fleet list".to_owned(), "who is there"),
            (
                "rollout show --events".to_owned(),
                "what happened, event by event",
            ),
            (
                "new \"add shipping address\"".to_owned(),
                "then write its SQL, and:",
            ),
            ("plan".to_owned(), "what would happen"),
            (
                "apply".to_owned(),
                "watch it go; ^C stops cleanly, apply goes on",
            ),
            ("status --output json".to_owned(), "for a program"),
        ]
        .map(|(command, what)| (format!("{program} {command}"), what));
        let width = rows
            .iter()
            .map(|(command, _)| command.chars().count())
            .max();
        let width = width.unwrap_or_default();
        for (command, what) in rows {
            self.screen.result(format!(
                "{}  {}",
                paint(Paint::Name, format!("{command:<width$}")),
                paint(Paint::Dim, format!("# {what}"))
            ));
        }
        self.screen.result(paint(
            Paint::Dim,
            "\nA real fleet with replicas: `lab up --engine postgres`. Your own project: `init`.",
        ));
    }
}

/// The folder asked for, or one that is not there yet.
fn choose(folder: Option<&Path>) -> Result<PathBuf, Problem> {
    if let Some(folder) = folder {
        let empty = std::fs::read_dir(folder)
            .map_or(!folder.exists(), |mut entries| entries.next().is_none());
        return match empty {
            true => Ok(folder.to_owned()),
            false => Err(
                Problem::usage(format!("{} is there already", folder.display()))
                    .hint("name a folder that isn't, or leave it out"),
            ),
        };
    }
    let free = (1..1000)
        .map(|n| match n {
            1 => PathBuf::from("greylag-demo"),
            n => PathBuf::from(format!("greylag-demo-{n}")),
        })
        .find(|folder| !folder.exists());
    free.ok_or_else(|| Problem::usage("there are a thousand demos here already"))
}

/// How this program is called from the demo's folder.
fn program() -> String {
    let Ok(here) = std::env::current_exe() else {
        return "greylag".into();
    };
    let in_path = std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| {
            let there = folder.join("greylag");
            there.canonicalize().ok() == here.canonicalize().ok() && there.exists()
        })
    });
    if in_path {
        "greylag".into()
    } else {
        here.display().to_string()
    }
}

fn failed(error: DemoError) -> Problem {
    let mut problem = Problem::new(Exit::Error, error.to_string());
    problem
        .causes
        .extend(std::error::Error::source(&error).map(ToString::to_string));
    problem
}
