//! What a tool left behind: its statements that still run, its triggers, its tables. Only what an intent names is ever touched.

use super::marks::ToolMark;
use crate::{
    error::EngineError,
    mysql::{
        image::{self, Before, Verdict},
        link::{Link, Trouble},
        quote,
        session::MysqlSession,
    },
};
use greylag_core::fleet::ShardName;
use std::time::{Duration, Instant};

/// How long the server gets to end what a tool had begun there.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a look at the remains came to.
pub struct Cleared {
    pub verdict: Verdict,
    /// What was ended or dropped, in words.
    pub told: Vec<String>,
}

/// What of a tool's names is there already: tables and triggers, and what tells of somebody else's run of it.
pub async fn find(link: &mut Link, mark: &ToolMark) -> Result<Vec<String>, Trouble> {
    let wanted: Vec<String> = mark.tables().chain(&mark.signs).cloned().collect();
    let mut found = there(link, mark, &wanted).await?;
    found.extend(triggers(link, mark).await?);
    Ok(found)
}

/// Ends what still runs, says whether the tables have changed places, and clears away what is left: the new table and triggers
/// where they have not, the old rows where they have.
pub async fn settle(
    session: &mut MysqlSession,
    before: &Before,
    mark: &ToolMark,
) -> Result<Cleared, EngineError> {
    let shard = session.target.shard.clone();
    let cleared = settle_there(&mut session.link, &shard, before, mark).await;
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
) -> Result<Cleared, Trouble> {
    let mut told = Vec::new();
    if !quiet(link, mark, &mut told).await? {
        return Ok(Cleared {
            verdict: Verdict::Unclear(format!(
                "a statement of {} still runs on the server and can't be ended: look for {} in its list of processes",
                mark.tool,
                mark.makes.first().unwrap_or(&mark.table)
            )),
            told,
        });
    }
    let verdict = match image::judge(link, before, true).await? {
        // A rebuild leaves the definition as it was; the old rows beside it tell.
        Verdict::Absent if has_old_rows(link, before, mark).await? => Verdict::Happened,
        Verdict::Unclear(why) => {
            Verdict::Unclear(half_swapped(link, shard, mark).await?.unwrap_or(why))
        }
        verdict => verdict,
    };
    match verdict {
        Verdict::Unclear(_) => {}
        Verdict::Absent => clear(link, mark, false, &mut told).await?,
        Verdict::Happened => clear(link, mark, true, &mut told).await?,
    }
    Ok(Cleared { verdict, told })
}

/// Whether the table that was is there under its other name. What stands there may be another one: before its tables change
/// places, gh-ost keeps that name free with a table of its own.
async fn has_old_rows(link: &mut Link, before: &Before, mark: &ToolMark) -> Result<bool, Trouble> {
    let (Some(kept), Some(seen)) = (&mark.keeps, before.seen.first()) else {
        return Ok(false);
    };
    let mut object = seen.object.clone();
    object.name.clone_from(kept);
    let image = image::look(link, object, &before.rule).await?.image;
    Ok(image.is_some() && image == seen.image)
}

/// What a person has to run where the table is gone and the new one has not got its name yet (`drop_swap`, `--cut-over=two-step`).
/// Whether all rows are in the new one, nothing on the server tells: somebody else may have dropped the table.
async fn half_swapped(
    link: &mut Link,
    shard: &ShardName,
    mark: &ToolMark,
) -> Result<Option<String>, Trouble> {
    let Some(new) = mark.new_table() else {
        return Ok(None);
    };
    let mut asked = vec![mark.table.clone(), new.clone()];
    asked.extend(mark.keeps.clone());
    let found = there(link, mark, &asked).await?;
    if found.contains(&mark.table) || !found.contains(&new) {
        return Ok(None);
    }
    let old = mark.keeps.as_ref().filter(|old| found.contains(old));
    let did = match old {
        Some(old) => format!("renamed the old table to {}", quote::name(old)),
        None => "dropped the old table".to_owned(),
    };
    let back = match old {
        Some(old) => format!("give {} its name back", quote::name(old)),
        None => "restore it under its name".to_owned(),
    };
    let qualified = |table: &str| format!("{}.{}", quote::name(&mark.schema), quote::name(table));
    Ok(Some(format!(
        "{table} is gone and {new} is there: {tool} had {did}, and ended before it gave the new one its name; \
         until then all reads and writes of {table} fail. If {new} has the rows that it should have, run on the primary \
         `SET SESSION foreign_key_checks = 0; RENAME TABLE {from} TO {to};` and then `greylag rollout retry {shard} && greylag apply`, which finds it done and goes on. \
         If it has not, {back} instead, and retry: it begins again",
        table = quote::name(&mark.table),
        new = quote::name(&new),
        tool = mark.tool,
        from = qualified(&new),
        to = qualified(&mark.table),
    )))
}

/// Triggers first: a write to the table would fail for want of the table that they write to.
async fn clear(
    link: &mut Link,
    mark: &ToolMark,
    swapped: bool,
    told: &mut Vec<String>,
) -> Result<(), Trouble> {
    let schema = quote::name(&mark.schema);
    for trigger in triggers(link, mark).await? {
        let sql = format!("DROP TRIGGER IF EXISTS {schema}.{}", quote::name(&trigger));
        link.run(sql).await?;
        told.push(format!("dropped the trigger {}", quote::name(&trigger)));
    }
    let there = tables(link, mark).await?;
    let keeps_old = swapped && mark.keep_old;
    let unwanted = mark
        .tables()
        .filter(|table| there.contains(table))
        .filter(|table| !(keeps_old && mark.keeps.as_ref() == Some(table)));
    for table in unwanted {
        let sql = format!("DROP TABLE IF EXISTS {schema}.{}", quote::name(table));
        link.run(sql).await?;
        told.push(format!("dropped the table {}", quote::name(table)));
    }
    Ok(())
}

/// Ends the statements on the server that name what the tool makes, and waits until they are gone: a client that died leaves them
/// running, and a RENAME that waits for a lock would still take place.
async fn quiet(link: &mut Link, mark: &ToolMark, told: &mut Vec<String>) -> Result<bool, Trouble> {
    let until = Instant::now() + PATIENCE;
    let own = link.id().to_string();
    let mut ended: Vec<String> = Vec::new();
    loop {
        let shown = link.run("SHOW FULL PROCESSLIST").await?;
        let busy: Vec<String> = (0..shown.rows.len())
            .filter(|row| {
                let info = shown.named(*row, "Info").unwrap_or_default();
                mark.tables().any(|table| info.contains(table.as_str()))
            })
            .filter_map(|row| shown.named(row, "Id").map(str::to_owned))
            .filter(|id| *id != own)
            .collect();
        if busy.is_empty() {
            return Ok(true);
        }
        for id in busy {
            if !ended.contains(&id) {
                match link.run(format!("KILL {id}")).await {
                    Ok(_) => told.push(format!("ended the connection {id} of {}", mark.tool)),
                    // Gone by itself, or somebody else's.
                    Err(Trouble::Server(_)) => {}
                    Err(lost) => return Err(lost),
                }
                ended.push(id);
            }
        }
        if Instant::now() > until {
            return Ok(false);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn tables(link: &mut Link, mark: &ToolMark) -> Result<Vec<String>, Trouble> {
    let wanted: Vec<String> = mark.tables().cloned().collect();
    there(link, mark, &wanted).await
}

async fn there(
    link: &mut Link,
    mark: &ToolMark,
    wanted: &[String],
) -> Result<Vec<String>, Trouble> {
    names(link, wanted, |list| {
        format!(
            "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} AND TABLE_NAME IN ({list})",
            quote::text(&mark.schema)
        )
    })
    .await
}

async fn triggers(link: &mut Link, mark: &ToolMark) -> Result<Vec<String>, Trouble> {
    names(link, &mark.triggers, |list| {
        format!(
            "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = {} AND TRIGGER_NAME IN ({list})",
            quote::text(&mark.schema)
        )
    })
    .await
}

/// Which of these names the server has; as we spell them, whatever case it keeps.
async fn names(
    link: &mut Link,
    wanted: &[String],
    sql: impl Fn(String) -> String,
) -> Result<Vec<String>, Trouble> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let list: Vec<String> = wanted.iter().map(|name| quote::text(name)).collect();
    let answer = link.run(sql(list.join(", "))).await?;
    let there: Vec<String> = (answer.rows.into_iter())
        .filter_map(|row| row.into_iter().next().flatten())
        .collect();
    let is_there = |name: &&String| there.iter().any(|t| t.eq_ignore_ascii_case(name));
    Ok(wanted.iter().filter(is_there).cloned().collect())
}
