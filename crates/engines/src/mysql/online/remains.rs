//! What a tool left behind: its statements that still run, its triggers, its tables.
//!
//! Dropped is what proves to be this attempt's own: a table by the mark in its name, a trigger by the marked table that it writes to,
//! the old rows by their table's definition. All else is somebody's, and is named.

use super::{
    marks::ToolMark,
    orphans,
    verdict::{self, Look, Old},
};
use crate::{
    error::EngineError,
    mysql::{
        image::{Before, Verdict},
        link::{Link, Trouble},
        quote,
        session::MysqlSession,
    },
};
use greylag_core::fleet::ShardName;

/// What a look at the remains came to.
pub struct Cleared {
    pub verdict: Verdict,
    /// What was ended, dropped or left, in words.
    pub told: Vec<String>,
    /// What is to be written into the intent, where the verdict leaves it open.
    pub learned: Option<ToolMark>,
}

/// What of a tool's names is there already: tables and triggers, and what tells of somebody else's run of it.
pub async fn find(link: &mut Link, mark: &ToolMark) -> Result<Vec<String>, Trouble> {
    let wanted: Vec<String> = mark.tables().chain(&mark.signs).cloned().collect();
    let mut found = verdict::there(link, mark, &wanted).await?;
    found.extend(triggers(link, mark).await?.into_iter().map(|t| t.name));
    Ok(found)
}

/// Ends what still runs, says whether the tables have changed places, and clears away what is left: the new table and triggers
/// where they have not, the old rows where they have.
pub async fn settle(
    session: &mut MysqlSession,
    before: &Before,
    mark: &ToolMark,
    says_done: bool,
) -> Result<Cleared, EngineError> {
    let shard = session.target.shard.clone();
    let cleared = settle_there(&mut session.link, &shard, before, mark, says_done).await;
    cleared.map_err(|trouble| {
        let doing = "clearing away what a tool left behind";
        session.link.refused(trouble, doing)
    })
}

async fn settle_there(
    link: &mut Link,
    shard: &ShardName,
    before: &Before,
    mark: &ToolMark,
    says_done: bool,
) -> Result<Cleared, Trouble> {
    let mut told = Vec::new();
    if !orphans::end(link, mark, &mut told).await? {
        return Ok(Cleared {
            verdict: Verdict::Unclear(format!(
                "a statement of {} still runs on the server and can't be ended: look for {} in its list of processes",
                mark.tool,
                mark.makes.first().unwrap_or(&mark.table)
            )),
            told,
            learned: None,
        });
    }
    let look = Look::at(link, shard, before, mark).await?;
    let mut verdict = judge(&look, says_done, mark);
    clear(link, mark, &verdict, look.old, says_done, &mut told).await?;
    if verdict == Verdict::Absent {
        // The tool may have been alive elsewhere still. Its new table is gone now: from here on nothing can change places.
        let look = Look::at(link, shard, before, mark).await?;
        verdict = judge(&look, says_done, mark);
        if verdict == Verdict::Happened {
            clear(link, mark, &verdict, look.old, says_done, &mut told).await?;
        }
    }
    let learned = look.waiting.map(|image| ToolMark {
        new_image: Some(image),
        ..mark.clone()
    });
    Ok(Cleared {
        verdict,
        told,
        learned,
    })
}

/// Rows that the tool says it has damaged are a person's to look at, and to replace from the old ones.
fn judge(look: &Look, says_done: bool, mark: &ToolMark) -> Verdict {
    match (look.verdict(says_done, mark), &mark.spoilt) {
        (Verdict::Happened, Some(why)) => Verdict::Unclear(format!(
            "{} has changed {}, and damaged rows: {why}{}",
            mark.tool,
            quote::name(&mark.table),
            match (look.old, &mark.keeps) {
                (Old::AsItWas, Some(kept)) =>
                    format!("; the old rows are in {}", quote::name(kept)),
                _ => String::new(),
            }
        )),
        (verdict, _) => verdict,
    }
}

/// Triggers first: a write to the table would fail for want of the table that they write to.
async fn clear(
    link: &mut Link,
    mark: &ToolMark,
    verdict: &Verdict,
    old: Old,
    says_done: bool,
    told: &mut Vec<String>,
) -> Result<(), Trouble> {
    if matches!(verdict, Verdict::Unclear(_)) {
        return Ok(());
    }
    let schema = quote::name(&mark.schema);
    for trigger in triggers(link, mark).await? {
        let name = quote::name(&trigger.name);
        if trigger.is_its {
            link.run(format!("DROP TRIGGER IF EXISTS {schema}.{name}"))
                .await?;
            told.push(format!("dropped the trigger {name}"));
        } else {
            told.push(format!("left the trigger {name}, which is not its own"));
        }
    }
    for table in verdict::there(link, mark, &mark.makes).await? {
        match mark.is_marked(&table) {
            true => drop_table(link, &schema, &table, told).await?,
            false => told.push(format!(
                "left the table {}: no mark in its name tells whose it is",
                quote::name(&table)
            )),
        }
    }
    let Some(kept) = &mark.keeps else {
        return Ok(());
    };
    let name = quote::name(kept);
    let swapped = *verdict == Verdict::Happened;
    match old {
        Old::Absent => {}
        Old::AsItWas if swapped && goes(mark, says_done) => {
            drop_table(link, &schema, kept, told).await?;
        }
        Old::AsItWas if swapped => told.push(format!("the old rows are in the table {name}")),
        // What keeps the name free until the tables change places.
        Old::Another if !swapped && mark.is_marked(kept) => {
            drop_table(link, &schema, kept, told).await?;
        }
        _ => told.push(format!("left the table {name}, which is not its own")),
    }
    Ok(())
}

/// Whether the old rows are dropped. A tool that came to its end has left what it was to leave.
fn goes(mark: &ToolMark, says_done: bool) -> bool {
    !mark.keep_old.unwrap_or(says_done)
}

async fn drop_table(
    link: &mut Link,
    schema: &str,
    table: &str,
    told: &mut Vec<String>,
) -> Result<(), Trouble> {
    let name = quote::name(table);
    link.run(format!("DROP TABLE IF EXISTS {schema}.{name}"))
        .await?;
    told.push(format!("dropped the table {name}"));
    Ok(())
}

struct Trigger {
    name: String,
    /// It writes to the new table, whose name has the mark.
    is_its: bool,
}

/// Those of the tool's triggers that are there; as we spell them, whatever case the server keeps.
async fn triggers(link: &mut Link, mark: &ToolMark) -> Result<Vec<Trigger>, Trouble> {
    if mark.triggers.is_empty() {
        return Ok(Vec::new());
    }
    let list: Vec<String> = mark.triggers.iter().map(|name| quote::text(name)).collect();
    let sql = format!(
        "SELECT TRIGGER_NAME, ACTION_STATEMENT FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = {} AND TRIGGER_NAME IN ({})",
        quote::text(&mark.schema),
        list.join(", ")
    );
    let answer = link.run(sql).await?;
    let mut found = Vec::new();
    for row in answer.rows {
        let mut columns = row.into_iter().map(Option::unwrap_or_default);
        let name = columns.next().unwrap_or_default();
        let does = columns.next().unwrap_or_default();
        let ours =
            |new: &String| mark.is_marked(new) && orphans::names_table(&does, &mark.schema, new);
        let spelt = |ours: &&String| ours.eq_ignore_ascii_case(&name);
        found.push(Trigger {
            name: mark.triggers.iter().find(spelt).cloned().unwrap_or(name),
            is_its: mark.makes.first().is_some_and(ours),
        });
    }
    Ok(found)
}
