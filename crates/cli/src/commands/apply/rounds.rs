//! One run of `apply`, round by round: what was in flight is settled first, what is unfinished is finished, then it is planned anew.

use super::{Aside, Ended, Run, past_holds};
use crate::{
    commands::{
        plan::{does_nothing, print_plan, some, without_statements},
        report::finished,
    },
    output::{Screen, count, tell_problem},
    problem::Problem,
    view,
    workplace::Workplace,
};
use greylag_core::plan::Plan;
use greylag_orchestrator::{
    Control, Exit, Notice, Watcher,
    apply::{self, Options, Pending, Stopped, Summary, Verdict},
    control::Level,
    planning::{Ask, Prospect, Rest, look_ahead},
    survey::survey_fleet,
};
use std::{
    io::{BufRead, Write},
    sync::Arc,
    time::Instant,
};

/// Surveys, plans, asks and applies.
pub async fn carry(
    place: &Workplace,
    run: Run,
    screen: &Screen,
    control: Control,
) -> Result<Ended, Problem> {
    let mut rounds = Rounds {
        place,
        ask: run.ask.clone(),
        run,
        screen,
        control,
        agreed: None,
        done: None,
        until: None,
    };
    loop {
        match rounds.go().await {
            Ok(Some(ended)) => return Ok(ended),
            Ok(None) => {}
            Err(problem) => return rounds.stop(problem),
        }
    }
}

struct Rounds<'a> {
    place: &'a Workplace,
    run: Run,
    ask: Ask,
    screen: &'a Screen,
    control: Control,
    /// What a person has said yes to.
    agreed: Option<Arc<Plan>>,
    /// What this run has finished of what was unfinished.
    done: Option<Done>,
    /// When `--wait` is over, of all rounds together: it counts from when the first of them is carried out.
    until: Option<Instant>,
}

struct Done {
    summary: Box<Summary>,
    board: Box<view::Board>,
    /// What it left for the next round.
    rest: Rest,
}

impl Rounds<'_> {
    /// One round; none where another has to follow.
    async fn go(&mut self) -> Result<Option<Ended>, Problem> {
        let (place, screen) = (self.place, self.screen);
        let setup = &place.setup;
        let looking = view::open(screen, place.folder());
        let surveyed = survey_fleet(setup, self.ask.scope.only.as_ref(), &*looking).await;
        looking.close();
        let surveyed = surveyed?;
        let prospect = look_ahead(setup, &surveyed, &self.ask).await?;
        let plan = prospect.plan();
        if self.run.dry_run {
            self.options(plan)?;
            print_plan(screen, plan, &prospect, place);
            screen.say("\nnothing was written (--dry-run)");
            let exit = past_holds(Exit::Done, self.run.fail_on_held, &plan.held);
            return Ok(Some(Ended::Nothing(exit)));
        }
        if !self.is_agreed_beforehand(plan) {
            return Ok(self.leave(Pending::of_plan(plan)));
        }
        let options = self.options(plan)?;
        if !plan.stages.is_empty() && !self.run.yes && !self.is_agreed(plan) {
            let asked = Instant::now();
            let answer = confirm(screen, &prospect, place);
            // A person takes the time it takes.
            self.until = self.until.map(|until| until + asked.elapsed());
            match answer {
                Ok(()) => self.agreed = Some(plan.clone()),
                Err(_) if self.done.is_some() => return Ok(self.leave(Pending::of_plan(plan))),
                Err(problem) => return Err(problem),
            }
        } else {
            for script in without_statements(plan, place) {
                screen.say(format!("note: {}", does_nothing(&script)));
            }
        }
        let rest = match &prospect {
            Prospect::Continue { rest, .. } => rest.clone(),
            _ => Rest::default(),
        };
        if let (None, Some(wait)) = (self.until, self.run.wait) {
            self.until = Some(Instant::now() + wait);
        }
        let options = Options {
            until: self.until,
            ..options
        };
        let view = view::open(screen, place.folder());
        let watcher = watcher(&view, self.run.aside.clone());
        let (ask, control) = (&self.ask, self.control.clone());
        let ended = match &prospect {
            // What comes of it is looked at anew, and agreed to anew where it is another plan.
            Prospect::SettleFirst { .. } => {
                apply::settle_first(setup, &surveyed, &prospect, ask, &options, control, watcher)
                    .await
            }
            _ => apply::apply(setup, surveyed, prospect, ask, &options, control, watcher)
                .await
                .map(Some),
        };
        view.close();
        let board = Box::new(view.board());
        let summary = match ended {
            Ok(Some(summary)) => summary,
            Ok(None) => return Ok(None),
            Err(error) => {
                let problem = Problem::from(error);
                if let Some(done) = &mut self.done
                    && problem.exit == Exit::Split
                {
                    done.board = board;
                }
                return Err(problem);
            }
        };
        let wants_more = rest.wants_a_look();
        self.finish(summary, board, rest);
        Ok(match wants_more && self.is_through() {
            false => self.end(),
            true if self.control.level() != Level::Run => self.interrupt(),
            true => {
                self.tell();
                // They are claimed by now.
                self.ask.claim = None;
                None
            }
        })
    }

    /// Adds a round up with those before it.
    fn finish(&mut self, summary: Summary, board: Box<view::Board>, rest: Rest) {
        let ran = summary.rollout.is_some();
        self.done = Some(match self.done.take() {
            None => Done {
                summary: Box::new(summary),
                board,
                rest,
            },
            Some(before) => Done {
                summary: Box::new(apply::together(*before.summary, summary)),
                board: if ran { board } else { before.board },
                rest,
            },
        });
    }

    fn is_through(&self) -> bool {
        (self.done.as_ref()).is_some_and(|done| done.summary.verdict == Verdict::Done)
    }

    fn end(&mut self) -> Option<Ended> {
        let done = self.done.take()?;
        Some(Ended::Ran(done.summary, done.board))
    }

    /// Ends with what is left.
    fn leave(&mut self, pending: Pending) -> Option<Ended> {
        let done = self.done.take()?;
        let summary = apply::left(*done.summary, pending);
        Some(Ended::Ran(Box::new(summary), done.board))
    }

    /// Asked to end between two rounds.
    fn interrupt(&mut self) -> Option<Ended> {
        let rest = &self.done.as_ref()?.rest;
        match rest.is_empty() {
            true => self.end(),
            false => self.leave(Pending::of_rest(&rest.clone())),
        }
    }

    /// Ends with what came up. What was done before is told with it: without that, nobody could tell that anything was.
    fn stop(&mut self, problem: Problem) -> Result<Ended, Problem> {
        let Some(done) = self.done.take() else {
            return Err(problem);
        };
        tell_problem(self.screen, &problem);
        let stopped = Stopped {
            why: problem.message,
            exit: problem.exit,
            exit_after_work: problem.exit_after_work,
            unknown: problem.unknown,
        };
        let summary = apply::stopped(*done.summary, &done.rest, stopped);
        Ok(Ended::Ran(Box::new(summary), done.board))
    }

    fn tell(&self) {
        let Some(done) = &self.done else { return };
        let rest = &done.rest;
        if rest.is_empty() {
            return;
        }
        let migrations: Vec<_> = rest.migrations.iter().map(ToString::to_string).collect();
        self.screen.say(format!(
            "{}; pending beside it, and planned now: {} on {}",
            finished(&done.summary),
            some(&migrations),
            count(rest.shards.len(), "shard"),
        ));
    }

    /// Judges the plan by what was agreed to before the run, and says how it is carried out.
    fn options(&self, plan: &Plan) -> Result<Options, Problem> {
        let mut options = self.run.options.clone();
        if self.done.is_some() {
            options
                .approved_digest
                .take_if(|digest| *digest != plan.digest);
        } else if let Some(saved) = &self.run.saved {
            apply::check_saved(&self.place.setup, saved, plan)?;
            let approved = self.run.options.approved_digest.as_deref();
            options.approved_digest = apply::approved_of_saved(saved, approved, plan)?;
        }
        Ok(options)
    }

    /// A saved plan, or a digest, was agreed to for what is done by now: nobody knew of the plan after it.
    fn is_agreed_beforehand(&self, plan: &Plan) -> bool {
        let approved = self.run.options.approved_digest.as_ref();
        self.done.is_none()
            || plan.stages.is_empty()
            || self.run.saved.is_none() && approved.is_none_or(|digest| *digest == plan.digest)
    }

    fn is_agreed(&self, plan: &Plan) -> bool {
        (self.agreed.as_ref())
            .is_some_and(|agreed| apply::check_saved(&self.place.setup, agreed, plan).is_ok())
    }
}

fn watcher(view: &Arc<view::View>, aside: Option<Aside>) -> Arc<dyn Watcher> {
    let view = Arc::clone(view);
    match aside {
        None => view,
        Some(aside) => Arc::new(move |notice: &Notice| {
            view.notice(notice);
            aside(notice, &view);
        }),
    }
}

fn confirm(screen: &Screen, prospect: &Prospect, place: &Workplace) -> Result<(), Problem> {
    if !screen.attended || !screen.human() {
        return Err(Problem::usage("there is no terminal to ask on")
            .hint("look at it with `greylag plan`, then `greylag apply --yes`"));
    }
    print_plan(screen, prospect.plan(), prospect, place);
    let shards: usize = prospect
        .plan()
        .waves
        .iter()
        .map(|wave| wave.shards.len())
        .sum();
    let _ = write!(
        anstream::stderr(),
        "\nApply this to {}? [y/N] ",
        count(shards, "shard")
    );
    let _ = anstream::stderr().flush();
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    match (read, answer.trim().to_ascii_lowercase().as_str()) {
        (Ok(_), "y" | "yes") => Ok(()),
        _ => Err(Problem::new(
            Exit::Error,
            "not confirmed; nothing was touched",
        )),
    }
}
