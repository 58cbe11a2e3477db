//! How a demo speaks: titles, commands, and the same code that `apply`, `rollout retry` and `status` run.

use crate::{
    arguments::Global,
    commands::{
        apply::{Aside, Ended, Run, carry},
        report::print_summary,
        status,
    },
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

/// Tells one demo.
pub struct Teller<'a> {
    folder: PathBuf,
    screen: &'a Screen,
    global: Global,
    pub control: Control,
}

impl<'a> Teller<'a> {
    /// For the project in `folder`.
    pub fn new(folder: &Path, screen: &'a Screen) -> Self {
        let global = Global {
            config: Some(folder.join("greylag.toml")),
            output: Format::Human,
            no_color: false,
            quiet: screen.quiet,
            verbose: 0,
        };
        Self {
            folder: folder.to_owned(),
            screen,
            global,
            control: Control::new(),
        }
    }

    pub async fn open(&self, mode: Journal) -> Result<Workplace, Problem> {
        workplace::open(&self.global, self.screen, mode).await
    }

    /// `greylag apply --yes`.
    pub async fn apply(&self, aside: Option<Aside>) -> Result<Summary, Problem> {
        self.command("greylag apply --yes");
        let workplace = self.open(Journal::Write).await?;
        let run = Run {
            saved: None,
            ask: Ask::default(),
            options: Options::default(),
            wait: None,
            dry_run: false,
            yes: true,
            fail_on_held: false,
            aside,
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
    pub async fn retry(&self, shard: &str) -> Result<(), Problem> {
        self.command(&format!("greylag rollout retry {shard}"));
        let workplace = self.open(Journal::Write).await?;
        let shards = vec![workplace.shard(shard)?];
        let done = steering::steer(&workplace.setup, None, Request::Retry { shards }).await?;
        self.done(&done.what);
        Ok(())
    }

    /// `greylag status`.
    pub async fn status(&self) -> Result<(), Problem> {
        self.command("greylag status");
        let workplace = self.open(Journal::Look).await?;
        status::print(&workplace, self.screen).await
    }

    pub fn expect(&self, summary: &Summary, verdict: Verdict) -> Result<(), Problem> {
        if summary.verdict == verdict {
            return Ok(());
        }
        let went_on = Problem::new(Exit::from_code(summary.exit_code), "the demo ends here");
        Err(match self.control.level() {
            Level::Run => went_on.hint(format!("what it left is in {}", shown(&self.folder))),
            Level::Drain | Level::Cancel => went_on.hint(format!(
                "`cd {} && {} apply` goes on where it stopped",
                shown(&self.folder),
                program()
            )),
        })
    }

    /// An error once somebody has asked to end.
    pub fn go_on(&self) -> Result<(), Problem> {
        match self.control.level() {
            Level::Run => Ok(()),
            Level::Drain | Level::Cancel => Err(interrupted()),
        }
    }

    pub fn title(&self, text: &str) {
        let rest = 78usize.saturating_sub(text.chars().count());
        self.screen.result(format!(
            "\n{} {}",
            paint(Paint::Strong, text),
            paint(Paint::Dim, "─".repeat(rest))
        ));
    }

    pub fn say(&self, text: &str) {
        self.screen.result(text);
    }

    pub fn command(&self, text: &str) {
        self.screen.result(format!(
            "\n{} {}",
            paint(Paint::Dim, "$"),
            paint(Paint::Name, text)
        ));
    }

    pub fn done(&self, text: &str) {
        self.screen
            .result(format!("{} {text}", paint(Paint::Good, "✓")));
    }

    /// Commands to try in the demo's folder, each with what it is for, and what lies beyond.
    pub fn next(&self, rows: &[(&str, &str)], beyond: &str) {
        let program = program();
        self.title("What to try next");
        self.screen.result(format!("cd {}", shown(&self.folder)));
        let rows: Vec<_> = rows
            .iter()
            .map(|(command, what)| (format!("{program} {command}"), what))
            .collect();
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
        self.screen.result(paint(Paint::Dim, format!("\n{beyond}")));
    }
}

/// Somebody has asked to end.
pub fn interrupted() -> Problem {
    Problem::new(Exit::Error, "the demo was interrupted")
}

/// The folder asked for, or one that is not there yet.
pub fn choose(folder: Option<&Path>) -> Result<PathBuf, Problem> {
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
