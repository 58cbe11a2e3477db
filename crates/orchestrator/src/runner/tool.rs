//! One shard's tool: started when its nodes let it, paused while they hold, ended when the run is cancelled.

use super::{
    arguments, exit,
    folder::Folder,
    ghost,
    holds::{self, Holds},
    hush::Hush,
    pause::{Pause, Put},
    process::{Process, Said},
};
use crate::{
    control::{Control, Level},
    executor::{Errand, Reports},
};
use async_trait::async_trait;
use greylag_core::{
    fleet::ShardName,
    migration::Migration,
    online::{Asked, ToolRule},
    outcome::FailureClass,
};
use greylag_engines::{Online, OnlineTool, Say, TableChange, ToolEnd};
use std::{fmt, path::Path, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep_until};

/// How long a tool has to end by itself once it is asked to.
const GRACE: Duration = Duration::from_secs(10);

/// How far a file's statements may go on a shard.
pub fn online_of(errand: &Errand, file: Option<&Migration>) -> Online {
    let shard = &errand.shard.shard;
    if !shard.engine.facts().online_ddl {
        return Online::default();
    }
    let directives = file.map(|file| &file.directives);
    let asked = Asked::of(directives.and_then(|said| said.online.as_deref()));
    let policy = &errand.online;
    let tool = asked.tool().and_then(|name| {
        let tool = Tool {
            name: name.to_owned(),
            rule: policy.tool(name)?,
            shard: shard.name.clone(),
            project: errand.folder.clone(),
            holds: errand.holds.clone(),
            control: errand.control.clone(),
            reports: errand.reports.clone(),
            timeout: policy.timeout,
        };
        Some(Arc::new(tool) as Arc<dyn OnlineTool>)
    });
    Online {
        ddl: policy.of(&shard.name, shard.engine),
        inplace_up_to: Some(policy.inplace_up_to),
        names_replicas: errand.replicated,
        copy_up_to: policy.copy_up_to,
        may_copy: directives
            .is_some_and(|said| said.allow.iter().any(|allow| allow.rule == "copies-table")),
        asked,
        tool,
    }
}

/// A tool, and what it runs beside.
struct Tool {
    name: String,
    rule: ToolRule,
    shard: ShardName,
    /// Where it runs: paths in its command line are relative to the project file.
    project: Arc<Path>,
    holds: Holds,
    control: Control,
    reports: Reports,
    /// Zero: as long as it needs.
    timeout: Duration,
}

impl fmt::Debug for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tool({} on {})", self.name, self.shard)
    }
}

#[async_trait]
impl OnlineTool for Tool {
    fn name(&self) -> &str {
        &self.name
    }

    fn rule(&self) -> &ToolRule {
        &self.rule
    }

    fn keeps_old_rows(&self) -> Option<bool> {
        let rule = &self.rule;
        let mut said = rule.command.iter().chain(&rule.arguments);
        match rule.keep_old_rows {
            Some(keep) => Some(keep),
            // What a command line of the project's own does with them, nobody here knows.
            None if !rule.command.is_empty() => Some(true),
            None => said.any(|word| keeps_old_rows(word)).then_some(true),
        }
    }

    async fn may_begin(&self) -> bool {
        self.wait_for_nodes(&mut self.holds.clone()).await
    }

    async fn change(&self, change: &TableChange, say: Say<'_>) -> ToolEnd {
        let mut holds = self.holds.clone();
        // What nodes say since it was let begin is not news to be waited for.
        holds.mark_changed();
        let folder = match Folder::make(&change.access) {
            Ok(folder) => folder,
            Err(error) => return not_had("a folder for its files", &error),
        };
        let variables = match self.login(&folder, change) {
            Ok(variables) => variables,
            Err(end) => return end,
        };
        let command = arguments::command(&self.name, &self.rule, change, &folder);
        let Some(program) = command.first().cloned() else {
            return not_had("its command line", &std::io::ErrorKind::InvalidInput.into());
        };
        say(format!(
            "begins: {program} on `{}`.`{}`: {}",
            change.schema, change.table, change.alter
        ));
        match Process::start(&command, &variables, &self.project, folder.path()) {
            Ok(process) => self.follow(process, &folder, change, &mut holds, say).await,
            Err(error) => exit::not_started(&program, &error),
        }
    }
}

impl Tool {
    /// What it reads its login from, beyond the option file that is there for all.
    fn login(
        &self,
        folder: &Folder,
        change: &TableChange,
    ) -> Result<Vec<(&'static str, String)>, ToolEnd> {
        if !arguments::is_built_in_ghost(&self.name, &self.rule) {
            return Ok(Vec::new());
        }
        if change.access.socket.is_some() {
            return Err(ToolEnd::Failed {
                class: FailureClass::Refused,
                why: "it reaches servers over TCP alone, and the shard's URL names a socket".into(),
                hint: Some(
                    "Name host and port in the shard's URL, or ask for pt-online-schema-change."
                        .into(),
                ),
            });
        }
        ghost::write_login(folder, &change.access)
            .map_err(|error| not_had("its login file", &error))
    }

    /// Waits until the shard's nodes let it begin. False where the run is cancelled meanwhile.
    async fn wait_for_nodes(&self, holds: &mut Holds) -> bool {
        let mut level = self.control.subscribe();
        let mut waited = false;
        loop {
            holds.mark_unchanged();
            let reasons = holds::of_shard(holds, &self.shard);
            if reasons.is_empty() {
                if waited {
                    self.reports.waiting(Vec::new());
                }
                return *level.borrow_and_update() != Level::Cancel;
            }
            waited = true;
            self.reports.waiting(reasons);
            tokio::select! {
                _ = level.wait_for(|level| *level == Level::Cancel) => return false,
                watched = holds.changed() => if watched.is_err() {
                    return false;
                },
            }
        }
    }

    /// Follows it to its end.
    async fn follow(
        &self,
        mut process: Process,
        folder: &Folder,
        change: &TableChange,
        holds: &mut Holds,
        say: Say<'_>,
    ) -> ToolEnd {
        let mut level = self.control.subscribe();
        let hush = Hush::of(change);
        let mut said = exit::LastLines::default();
        let mut pause = Pause::default();
        let mut spoils: Option<String> = None;
        let mut asked_to_end: Option<Why> = None;
        let mut end_at = (!self.timeout.is_zero()).then(|| Instant::now() + self.timeout);
        let status = loop {
            tokio::select! {
                news = process.next() => match news {
                    Said::Line(pipe, line) => {
                        let line = hush.line(&line);
                        if exit::spoils(&line) && spoils.is_none() {
                            spoils = Some(line.clone());
                            process.terminate().await;
                            end_at = Some(Instant::now() + GRACE);
                            asked_to_end = asked_to_end.or(Some(Why::Spoils));
                        }
                        said.hear(pipe, line.clone());
                        say(line);
                    }
                    Said::End(status) => break status,
                },
                watched = holds.changed(), if asked_to_end.is_none() => {
                    if watched.is_err() {
                        say("ended: nobody watches the shard's nodes any more".to_owned());
                        asked_to_end = Some(Why::Unwatched);
                        process.terminate().await;
                        end_at = Some(Instant::now() + GRACE);
                        continue;
                    }
                    let reasons = holds::of_shard(holds, &self.shard);
                    let put = pause.want(!reasons.is_empty(), folder);
                    self.reports.waiting(reasons);
                    if !heed(put, pause.is_on(), say) {
                        asked_to_end = Some(Why::Unpausable);
                        process.terminate().await;
                        end_at = Some(Instant::now() + GRACE);
                    }
                }
                () = pause.due(), if asked_to_end.is_none() => {
                    let put = pause.put(folder);
                    if !heed(put, pause.is_on(), say) {
                        asked_to_end = Some(Why::Unpausable);
                        process.terminate().await;
                        end_at = Some(Instant::now() + GRACE);
                    }
                }
                () = cancelled(&mut level), if asked_to_end.is_none() => {
                    asked_to_end = Some(Why::Cancelled);
                    process.terminate().await;
                    end_at = Some(Instant::now() + GRACE);
                }
                () = until(end_at) => match asked_to_end {
                    None => {
                        asked_to_end = Some(Why::TooLong);
                        process.terminate().await;
                        end_at = Some(Instant::now() + GRACE);
                    }
                    Some(_) => {
                        say(format!("does not end though it was asked to {} s ago: killed", GRACE.as_secs()));
                        process.let_go();
                        end_at = None;
                    }
                },
            }
        };
        if pause.is_on() {
            self.reports.waiting(Vec::new());
        }
        let ended = match status {
            Ok(status) => exit::explain(&self.name, status, &said.all()),
            Err(error) => not_had("its exit status", &error),
        };
        // Whatever else it says, and however far it came.
        if let Some(line) = spoils {
            return exit::spoilt(&line);
        }
        match (ended, asked_to_end) {
            // It may have been done before it heard.
            (ToolEnd::Done, _) => ToolEnd::Done,
            (_, Some(Why::Cancelled)) => ToolEnd::Cancelled,
            // What may be tried again is: nobody has to say so.
            (_, Some(Why::Unwatched)) => ToolEnd::Failed {
                class: FailureClass::Lag,
                why: "it was ended, since nobody watched the shard's nodes any more".into(),
                hint: None,
            },
            (_, Some(Why::Unpausable)) => ToolEnd::Failed {
                class: FailureClass::Lag,
                why: "it was ended, since it could not be told to wait for the shard's nodes".into(),
                hint: Some("See that there is room for small files where programs keep theirs for a while (TMPDIR, /tmp).".into()),
            },
            (_, Some(Why::TooLong)) => ToolEnd::Failed {
                class: FailureClass::Other,
                why: format!("it was ended after {:?}", self.timeout),
                hint: Some(
                    "Give it longer with `timeout` under [online], or find out what slows it down."
                        .into(),
                ),
            },
            (end, Some(Why::Spoils) | None) => end,
        }
    }
}

/// Whether an argument tells a tool to leave the old rows where they are.
fn keeps_old_rows(argument: &str) -> bool {
    let word = argument.trim_start_matches('-').to_ascii_lowercase();
    let off = ["0", "f", "false"];
    match word.split_once('=') {
        Some((name, value)) => name == "ok-to-drop-table" && off.contains(&value),
        None => matches!(&*word, "no-drop-old-table" | "nodrop-old-table"),
    }
}

/// Why it was asked to end.
#[derive(Clone, Copy)]
enum Why {
    Cancelled,
    TooLong,
    /// The lease on the fleet was lost, and with it the watch over nodes.
    Unwatched,
    /// The file that pauses it can't be written.
    Unpausable,
    /// It says that values are cut.
    Spoils,
}

/// Tells what became of a pause. False where the tool has to end for want of one.
fn heed(put: Put, is_on: bool, say: Say<'_>) -> bool {
    match put {
        Put::Same | Put::Not(None) => {}
        Put::Changed if is_on => say("paused: the shard's nodes hold".to_owned()),
        Put::Changed => say("goes on: the shard's nodes let it".to_owned()),
        Put::Not(Some(error)) => {
            let what = if is_on { "be paused" } else { "be let go on" };
            say(format!("can't {what}: {error}; tried again each second"));
        }
        Put::GivenUp(error) => {
            say(format!(
                "ended: it can't be paused, and the shard's nodes hold: {error}"
            ));
            return false;
        }
    }
    true
}

fn not_had(what: &str, error: &std::io::Error) -> ToolEnd {
    ToolEnd::Failed {
        class: FailureClass::Other,
        why: format!("{what} can't be had: {error}"),
        hint: None,
    }
}

async fn cancelled(level: &mut tokio::sync::watch::Receiver<Level>) {
    // Its guard must not live across an await.
    drop(level.wait_for(|level| *level == Level::Cancel).await);
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
