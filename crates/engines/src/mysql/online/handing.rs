//! Hands a change to a tool, and finds out from the catalog what came of it.
//!
//! The tool's own word is never enough: what it left is looked for, cleared away, and the table compared with its image. Whoever else is
//! at work on the table is looked for when the tool may begin, not before it waits.

use super::{
    marks::{self, ToolMark},
    refusal::Refusal,
    remains::{self, Cleared},
    statement::{Change, Clauses},
    verdict,
};
use crate::{
    job::Note,
    mysql::{
        apply::{self, End},
        image::Verdict,
        link::Trouble,
        lock, quote, touched,
        walk::Walk,
    },
    online::{OnlineTool, TableChange, ToolEnd},
};
use greylag_core::{online::Way, outcome::FailureClass};
use std::time::Duration;
use tokio::time::timeout;

/// How often the working connection is used while a tool runs: so it stays, and its loss is noticed.
const PULSE: Duration = Duration::from_secs(10);
/// How long it may take to answer before it is given up.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);

impl Walk<'_> {
    /// Has a tool change the table.
    pub async fn hand_over(
        &mut self,
        index: usize,
        change: &Change,
        tool: &dyn OnlineTool,
        not: Vec<String>,
    ) -> Result<(), End> {
        if change.clauses == Clauses::Renames {
            let message = format!(
                "{} can't rename a table: it would change places with the table it renames",
                tool.name()
            );
            let hint = "Give RENAME a statement of its own, behind the change.".to_owned();
            return Err(self.refuse(index, refused(message, Some(hint))).await);
        }
        let may_begin = self.while_ours(index, tool.may_begin()).await?;
        if !may_begin {
            return Err(self.refuse(index, failed(tool, ToolEnd::Cancelled)).await);
        }
        let schema = self.schema_of(change).await?;
        let alter = change.as_alter(self.sql(index));
        let connection = self.session.link.id();
        let sign = marks::mark(&self.job.rollout, self.job.epoch, index, &alter, connection);
        let mut mark = ToolMark::of(tool, &schema, &change.table, &sign);
        let found = remains::find(&mut self.session.link, &mark).await;
        let found = found.map_err(|t| self.trouble(t))?;
        if !found.is_empty() {
            return Err(self.refuse(index, in_the_way(tool, &found)).await);
        }
        let born = verdict::born_of(&mut self.session.link, &schema, &change.table).await;
        mark.born = born.map_err(|t| self.trouble(t))?;
        let touched = touched::touched(self.sql(index));
        let before = self.intend_with(index, touched, Some(mark.clone())).await?;

        let asked = marks::with_names(
            TableChange {
                access: self.session.access.clone(),
                schema,
                table: change.table.clone(),
                alter,
                mark: sign,
                new_table: None,
                lock_timeout_seconds: self.job.limits.lock_timeout.as_secs().max(1),
                settings: self.session.flavour.tool_settings(&self.session.version),
            },
            &mark,
        );
        let end = self.run(index, tool, &asked).await?;
        if let ToolEnd::Failed {
            class: FailureClass::Data,
            why,
            ..
        } = &end
        {
            mark.spoilt = Some(why.clone());
            self.intend_again(index, &before, mark.clone()).await?;
        }
        let cleared = remains::settle(self.session, &before, &mark, end == ToolEnd::Done).await;
        let Cleared {
            verdict,
            told,
            learned,
        } = cleared.map_err(|error| apply::of_error(self.job, error))?;
        if let Some(mark) = learned {
            self.intend_again(index, &before, mark).await?;
        }
        let mut warnings: Vec<String> = (told.into_iter())
            .map(|text| format!("{}: {text}", tool.name()))
            .collect();
        if let Verdict::Happened = verdict {
            if end != ToolEnd::Done {
                warnings.push(format!(
                    "{} had changed {} before it ended: {}",
                    tool.name(),
                    quote::name(&change.table),
                    words_of(&end)
                ));
            }
            self.warnings.extend(warnings);
            self.went(index, Way::Tool(tool.name().to_owned()), not);
            return Ok(());
        }
        for text in warnings {
            self.warn(text);
        }
        Err(match (verdict, end) {
            (Verdict::Unclear(why), _) => self.doubt(index, &why),
            (_, ToolEnd::Done) => self.refuse(index, undone(tool, &change.table)).await,
            (_, end) => self.refuse(index, failed(tool, end)).await,
        })
    }

    async fn run(
        &mut self,
        index: usize,
        tool: &dyn OnlineTool,
        asked: &TableChange,
    ) -> Result<ToolEnd, End> {
        let (progress, migration) = (self.progress, self.job.migration.clone());
        let say = |line: String| {
            progress(Note::Tool {
                migration: migration.clone(),
                statement: index as u32 + 1,
                tool: tool.name().to_owned(),
                line,
            });
        };
        self.while_ours(index, tool.change(asked, &say)).await
    }

    /// Awaits a tool, and keeps the working connection in use meanwhile; what is awaited ends with it.
    async fn while_ours<T>(
        &mut self,
        index: usize,
        awaited: impl Future<Output = T> + Send,
    ) -> Result<T, End> {
        let still_ours = format!("SELECT {}", lock::held_condition(self.session));
        let mut awaited = Box::pin(awaited);
        let mut pulse = tokio::time::interval(PULSE);
        loop {
            tokio::select! {
                came = &mut awaited => return Ok(came),
                _ = pulse.tick() => {}
            }
            let (held, came) = {
                let asked = timeout(ANSWERS_WITHIN, self.session.link.value(&still_ours));
                tokio::pin!(asked);
                // A connection that gives no answer keeps no tool from hearing what it is told.
                tokio::select! {
                    came = &mut awaited => (asked.await, Some(came)),
                    held = &mut asked => (held, None),
                }
            };
            let why = match held {
                Ok(Ok(held)) if held.as_deref() == Some("1") => None,
                // A cancel that reached this connection: the tool hears of it by itself.
                Ok(Err(Trouble::Server(error))) if error.code == 1317 => None,
                Ok(Ok(_)) => Some("the shard's lock is no longer held".to_owned()),
                Ok(Err(trouble)) => {
                    drop(awaited);
                    return Err(self.trouble(trouble));
                }
                Err(_) => Some(format!("no answer for {} s", ANSWERS_WITHIN.as_secs())),
            };
            if let Some(why) = why {
                drop(awaited);
                let doing = "while a tool ran";
                let why = std::io::Error::other(why);
                return Err(apply::lost(self.job, Some(index), doing, &why));
            }
            if let Some(came) = came {
                return Ok(came);
            }
        }
    }

    async fn schema_of(&mut self, change: &Change) -> Result<String, End> {
        if let Some(schema) = &change.schema {
            return Ok(schema.clone());
        }
        let current = self.session.link.value("SELECT DATABASE()").await;
        let current = current.map_err(|t| self.trouble(t))?;
        Ok(current.unwrap_or_else(|| self.session.names.database.clone()))
    }

    fn trouble(&self, trouble: Trouble) -> End {
        let doing = "handing a change to a tool";
        apply::of_trouble(self.session, self.job, trouble, doing)
    }

    fn warn(&self, text: String) {
        (self.progress)(Note::Warning {
            migration: self.job.migration.clone(),
            text,
        });
    }
}

fn refused(message: String, hint: Option<String>) -> Refusal {
    Refusal {
        class: FailureClass::Refused,
        message,
        hint,
    }
}

fn in_the_way(tool: &dyn OnlineTool, found: &[String]) -> Refusal {
    let names: Vec<String> = found.iter().map(|name| quote::name(name)).collect();
    refused(
        format!(
            "{} would make {}, which is there already and not of this run: a run of it outside greylag may be under way, or have left it",
            tool.name(),
            names.join(", ")
        ),
        Some("See that no such tool runs, drop what it left (triggers first), then `greylag rollout retry`.".to_owned()),
    )
}

fn undone(tool: &dyn OnlineTool, table: &str) -> Refusal {
    refused(
        format!(
            "{} says that it is done, and {} is as it was: same definition, and not written anew",
            tool.name(),
            quote::name(table)
        ),
        Some("See what it was told to do (`command` and `arguments` under [online.tool.NAME]: is it to do more than try, and to let the tables change places?) and what it said, then `greylag rollout retry`.".to_owned()),
    )
}

fn failed(tool: &dyn OnlineTool, end: ToolEnd) -> Refusal {
    match end {
        ToolEnd::Failed { class, why, hint } => Refusal {
            class,
            message: format!("{}: {why}", tool.name()),
            hint,
        },
        ToolEnd::Cancelled | ToolEnd::Done => Refusal {
            class: FailureClass::Cancelled,
            message: format!("{} was ended by this run", tool.name()),
            hint: None,
        },
    }
}

fn words_of(end: &ToolEnd) -> String {
    match end {
        ToolEnd::Done => "done".to_owned(),
        ToolEnd::Cancelled => "this run was asked to end".to_owned(),
        ToolEnd::Failed { why, .. } => why.clone(),
    }
}
