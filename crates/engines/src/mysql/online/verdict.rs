//! What the catalog says of a tool's work: whether its new table has taken the place of the old one.
//!
//! A tool's word is one sign among others. Somebody else may change the same table while it runs.

use super::marks::ToolMark;
use crate::mysql::{
    image::{self, Before, Verdict},
    link::{Link, Trouble},
    quote,
    touched::Object,
};
use greylag_core::fleet::ShardName;

/// What is there under the name of the old rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Old {
    Absent,
    /// The table as it was before the tool began.
    AsItWas,
    Another,
}

/// What a look at the tables shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The table's definition, against its image.
    definition: Verdict,
    new_is_there: bool,
    pub old: Old,
    /// The table looks as the new one did that was to have its name.
    is_the_new_one: bool,
    /// The new table, as it would look under that name, where the table is gone.
    pub waiting: Option<String>,
    /// The table was made after the tool began; none where the server doesn't say.
    is_younger: Option<bool>,
}

impl Look {
    pub async fn at(
        link: &mut Link,
        shard: &ShardName,
        before: &Before,
        mark: &ToolMark,
    ) -> Result<Look, Trouble> {
        let mut waiting = None;
        let definition = match image::judge(link, before, true).await? {
            Verdict::Unclear(why) => match half_swapped(link, shard, mark).await? {
                Some(half) => {
                    waiting = image_of(link, before, mark.makes.first()).await?;
                    Verdict::Unclear(half)
                }
                None => Verdict::Unclear(why),
            },
            definition => definition,
        };
        let is_the_new_one = match &mark.new_image {
            Some(new) => image_of(link, before, Some(&mark.table)).await?.as_ref() == Some(new),
            None => false,
        };
        let new_is_there = match mark.new_table() {
            Some(new) => !there(link, mark, &[new]).await?.is_empty(),
            None => false,
        };
        let is_younger = match &mark.born {
            Some(born) => {
                let now = born_of(link, &mark.schema, &mark.table).await?;
                now.map(|now| now != *born)
            }
            None => None,
        };
        Ok(Look {
            definition,
            new_is_there,
            old: old(link, before, mark).await?,
            is_the_new_one,
            waiting,
            is_younger,
        })
    }

    /// Believed is a swap that nothing else explains: the new table is gone from its own name, and the old one is there as it was, or the
    /// tool says that it is done and the table shows it.
    pub fn verdict(&self, says_done: bool, mark: &ToolMark) -> Verdict {
        let table = quote::name(&mark.table);
        match &self.definition {
            Verdict::Unclear(why) => Verdict::Unclear(why.clone()),
            Verdict::Absent if self.new_is_there => Verdict::Absent,
            Verdict::Happened if self.new_is_there => Verdict::Unclear(format!(
                "{table} is other than it was, and {} still has its new table beside it: somebody else has changed {table}",
                mark.tool
            )),
            _ if self.old == Old::AsItWas => Verdict::Happened,
            Verdict::Happened if says_done || self.is_the_new_one => Verdict::Happened,
            Verdict::Happened => Verdict::Unclear(format!(
                "{table} is other than it was, and nothing on the server shows whether {} or somebody else has changed it",
                mark.tool
            )),
            Verdict::Absent => match (says_done, self.is_younger) {
                (true, Some(true)) => Verdict::Happened,
                (true, None) => Verdict::Unclear(format!(
                    "{} says that it is done, {table} has the definition that it had, and the server doesn't say how old it is",
                    mark.tool
                )),
                _ => Verdict::Absent,
            },
        }
    }
}

/// When a table was made, as the server keeps it: what was written anew, or changed places with another, is younger.
pub async fn born_of(
    link: &mut Link,
    schema: &str,
    table: &str,
) -> Result<Option<String>, Trouble> {
    let sql = format!(
        "SELECT CREATE_TIME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {}",
        quote::text(schema),
        quote::text(table)
    );
    link.value(&sql).await
}

/// Which of these tables are there; as we spell them, whatever case the server keeps.
pub async fn there(
    link: &mut Link,
    mark: &ToolMark,
    wanted: &[String],
) -> Result<Vec<String>, Trouble> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let list: Vec<String> = wanted.iter().map(|name| quote::text(name)).collect();
    let sql = format!(
        "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} AND TABLE_NAME IN ({})",
        quote::text(&mark.schema),
        list.join(", ")
    );
    let answer = link.run(sql).await?;
    let there: Vec<String> = (answer.rows.into_iter())
        .filter_map(|row| row.into_iter().next().flatten())
        .collect();
    let is_there = |name: &&String| there.iter().any(|t| t.eq_ignore_ascii_case(name));
    Ok(wanted.iter().filter(is_there).cloned().collect())
}

/// Whether the table that was is there under its other name. What stands there may be another one: before its tables change
/// places, gh-ost keeps that name free with a table of its own.
async fn old(link: &mut Link, before: &Before, mark: &ToolMark) -> Result<Old, Trouble> {
    let was = before.seen.first().and_then(|seen| seen.image.as_ref());
    Ok(match image_of(link, before, mark.keeps.as_ref()).await? {
        None => Old::Absent,
        Some(image) if Some(&image) == was => Old::AsItWas,
        Some(_) => Old::Another,
    })
}

/// A table's image, as it would be under the name of the one that is changed.
async fn image_of(
    link: &mut Link,
    before: &Before,
    table: Option<&String>,
) -> Result<Option<String>, Trouble> {
    let (Some(table), Some(seen)) = (table, before.seen.first()) else {
        return Ok(None);
    };
    let object = Object {
        name: table.clone(),
        ..seen.object.clone()
    };
    image::look_renamed(link, object, &seen.object.name).await
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

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(definition: Verdict, new_is_there: bool, old: Old, says_done: bool) -> Verdict {
        let look = Look {
            definition,
            new_is_there,
            old,
            is_the_new_one: false,
            waiting: None,
            is_younger: Some(false),
        };
        look.verdict(says_done, &ToolMark::default())
    }

    #[test]
    fn a_swap_is_believed_by_the_old_rows_or_by_the_tool_and_the_table() {
        use Verdict::{Absent, Happened};
        let cases = [
            (Happened, false, Old::AsItWas, false, Some(Happened)),
            (Absent, false, Old::AsItWas, false, Some(Happened)),
            (Happened, false, Old::Absent, true, Some(Happened)),
            (Happened, false, Old::Another, true, Some(Happened)),
            // The new table is where it was made.
            (Absent, true, Old::AsItWas, true, Some(Absent)),
            (Absent, true, Old::Another, false, Some(Absent)),
            (Happened, true, Old::Absent, true, None),
            (Happened, true, Old::AsItWas, false, None),
            // Nothing tells whose change it is.
            (Happened, false, Old::Absent, false, None),
            (Happened, false, Old::Another, false, None),
            (Absent, false, Old::Another, true, Some(Absent)),
            (Absent, false, Old::Absent, true, Some(Absent)),
        ];
        for (definition, new_is_there, old, says_done, wanted) in cases {
            let said = format!("{definition:?} {new_is_there} {old:?} {says_done}");
            match (verdict(definition, new_is_there, old, says_done), wanted) {
                (Verdict::Unclear(_), None) => {}
                (is, wanted) => assert_eq!(Some(is), wanted, "{said}"),
            }
        }
    }

    #[test]
    fn a_rebuild_is_believed_where_the_table_is_younger() {
        let look = |is_younger| Look {
            definition: Verdict::Absent,
            new_is_there: false,
            old: Old::Absent,
            is_the_new_one: false,
            waiting: None,
            is_younger,
        };
        let mark = ToolMark::default();
        assert_eq!(look(Some(true)).verdict(true, &mark), Verdict::Happened);
        assert_eq!(look(Some(true)).verdict(false, &mark), Verdict::Absent);
        assert!(matches!(
            look(None).verdict(true, &mark),
            Verdict::Unclear(_)
        ));
    }
}
