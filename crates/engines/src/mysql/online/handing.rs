//! Hands a change to a tool, and finds out from the catalog what came of it.
//!
//! The tool's own word is never enough: what it left is looked for, cleared away, and the table compared with its image.

use super::{
    marks::{self, ToolMark},
    refusal::Refusal,
    remains::{self, Cleared},
    statement::{Change, Clauses},
};
use crate::{
    error::EngineError,
    job::Note,
    mysql::{
        apply::{self, End},
        image::{Before, Verdict},
        link::Trouble,
        lock, quote, touched,
        walk::Walk,
    },
    online::{OnlineTool, TableChange, ToolEnd},
};
use greylag_core::{online::Way, outcome::FailureClass};
use std::time::Duration;

/// How often the working connection is used while a tool runs: so it stays, and its loss is noticed.
const PULSE: Duration = Duration::from_secs(10);

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
        let schema = self.schema_of(change).await?;
        let alter = change.as_alter(self.sql(index));
        let connection = self.session.link.id();
        let sign = marks::mark(&self.job.rollout, self.job.epoch, index, &alter, connection);
        let mark = ToolMark::of(tool, &schema, &change.table, &sign);
        let found = remains::find(&mut self.session.link, &mark).await;
        let found = found.map_err(|t| self.trouble(t))?;
        if !found.is_empty() {
            return Err(self.refuse(index, in_the_way(tool, &found)).await);
        }
        let touched = touched::touched(self.sql(index));
        let before = self.intend_with(index, touched, Some(mark.clone())).await?;
        let born = self.born(&mark).await?;

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
        let end = self.watch_over(index, tool, &asked).await?;
        let Cleared { verdict, told } = self.clear_away(&before, &mark).await?;
        let is_as_old = born.is_some() && self.born(&mark).await? == born;
        let warnings = told
            .into_iter()
            .map(|text| format!("{}: {text}", tool.name()));
        match (verdict, end) {
            (Verdict::Unclear(why), _) => Err(self.doubt(index, &why)),
            // A rebuild looks the same before and after, but for the table's age.
            (Verdict::Absent, ToolEnd::Done) if is_as_old => {
                for text in warnings {
                    self.warn(text);
                }
                Err(self.refuse(index, undone(tool, &change.table)).await)
            }
            (Verdict::Happened, ToolEnd::Done) | (Verdict::Absent, ToolEnd::Done) => {
                self.warnings.extend(warnings);
                self.went(index, Way::Tool(tool.name().to_owned()), not);
                Ok(())
            }
            (Verdict::Happened, end) => {
                self.warnings.extend(warnings);
                self.warnings.push(format!(
                    "{} had changed {} before it ended: {}",
                    tool.name(),
                    quote::name(&change.table),
                    words_of(&end)
                ));
                self.went(index, Way::Tool(tool.name().to_owned()), not);
                Ok(())
            }
            (Verdict::Absent, end) => {
                for text in warnings {
                    self.warn(text);
                }
                Err(self.refuse(index, failed(tool, end)).await)
            }
        }
    }

    /// Runs the tool, and keeps the working connection in use; the tool ends with it.
    async fn watch_over(
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
        let still_ours = format!("SELECT {}", lock::held_condition(self.session));
        let mut running = tool.change(asked, &say);
        let mut pulse = tokio::time::interval(PULSE);
        loop {
            tokio::select! {
                end = &mut running => return Ok(end),
                _ = pulse.tick() => {}
            }
            match self.session.link.value(&still_ours).await {
                Ok(held) if held.as_deref() == Some("1") => {}
                Ok(_) => {
                    drop(running);
                    let why = "the shard's lock was lost while a tool ran";
                    return Err(apply::lost(
                        self.job,
                        Some(index),
                        why,
                        &std::io::Error::other("it is no longer held"),
                    ));
                }
                // A cancel that reached this connection: the tool hears of it by itself.
                Err(Trouble::Server(error)) if error.code == 1317 => {}
                Err(trouble) => {
                    drop(running);
                    return Err(self.trouble(trouble));
                }
            }
        }
    }

    async fn clear_away(&mut self, before: &Before, mark: &ToolMark) -> Result<Cleared, End> {
        let cleared = remains::settle(self.session, before, mark).await;
        cleared.map_err(|error: EngineError| apply::of_error(self.job, error))
    }

    /// When the table was made, as the server keeps it: what was written anew, or changed places with another, is younger.
    async fn born(&mut self, mark: &ToolMark) -> Result<Option<String>, End> {
        let sql = format!(
            "SELECT CREATE_TIME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {}",
            quote::text(&mark.schema),
            quote::text(&mark.table)
        );
        let born = self.session.link.value(&sql).await;
        born.map_err(|t| self.trouble(t))
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
        Some("See what it was told to do (`command` and `arguments` under [online.tool.NAME]: no dry run?) and what it said, then `greylag rollout retry`.".to_owned()),
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
