//! Images of what a statement touches, taken before it runs and again when somebody asks whether it did.

use super::{
    link::{Link, Trouble},
    online::ToolMark,
    quote,
    touched::{Kind, Object, Rule, Touched},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// What a statement touches, as it was: the `before` of an intent row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    #[serde(flatten)]
    pub rule: Rule,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<Seen>,
    /// What a tool makes that does it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<ToolMark>,
}

/// One object, as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    #[serde(flatten)]
    pub object: Object,
    /// None: it was not there.
    pub image: Option<String>,
    /// Of a table that is to be emptied: a hash of its first row, or `empty`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
}

/// The `first` of a table without rows.
const EMPTY: &str = "empty";

/// What images say of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Happened,
    /// It did not, or running it again is right anyway.
    Absent,
    Unclear(String),
}

/// Takes the image of what a statement touches.
pub async fn before(link: &mut Link, database: &str, touched: Touched) -> Result<Before, Trouble> {
    let mut seen = Vec::new();
    for mut object in touched.objects {
        if object.kind != Kind::Database && object.schema.is_none() {
            object.schema = current_schema(link, database).await?;
        }
        seen.push(look(link, object, &touched.rule).await?);
    }
    let rule = match touched.rule {
        Rule::Rename { pairs } => Rule::Rename {
            pairs: pairs
                .into_iter()
                .map(|(from, to)| (qualify(from, &seen), qualify(to, &seen)))
                .collect(),
        },
        rule => rule,
    };
    Ok(Before {
        rule,
        seen,
        tool: None,
    })
}

/// Looks again, and says whether the statement happened.
pub async fn judge(
    link: &mut Link,
    before: &Before,
    create_select_is_atomic: bool,
) -> Result<Verdict, Trouble> {
    let mut now = Vec::new();
    for seen in &before.seen {
        now.push(look(link, seen.object.clone(), &before.rule).await?);
    }
    Ok(compare(before, &now, create_select_is_atomic))
}

/// The names of what looks different now.
pub async fn changed(link: &mut Link, before: &Before) -> Result<Vec<String>, Trouble> {
    let mut names = Vec::new();
    for seen in &before.seen {
        if look(link, seen.object.clone(), &before.rule).await?.image != seen.image {
            names.push(seen.object.name.clone());
        }
    }
    Ok(names)
}

/// The comparison alone.
fn compare(before: &Before, now: &[Seen], create_select_is_atomic: bool) -> Verdict {
    let pairs = || before.seen.iter().zip(now);
    let unchanged = pairs().all(|(was, is)| was.image == is.image);
    let name = before
        .seen
        .first()
        .map(|s| s.object.name.clone())
        .unwrap_or_default();
    match &before.rule {
        Rule::Again => Verdict::Absent,
        Rule::Unknown { why } => Verdict::Unclear(why.clone()),
        Rule::Transaction => Verdict::Unclear(
            "something in the file committed half-way, although it was to be one transaction"
                .into(),
        ),
        Rule::Truncate => truncated(before, now),
        _ if unchanged && !ambiguous_rename(before) => Verdict::Absent,
        Rule::Change => match pairs().all(|(was, is)| was.image.is_some() && is.image.is_none()) {
            true => Verdict::Unclear(format!("`{name}` is gone, which the statement doesn't do")),
            false => Verdict::Happened,
        },
        Rule::Appear { with_rows } => {
            match pairs().all(|(was, is)| was.image.is_none() && is.image.is_some()) {
                true if *with_rows && !create_select_is_atomic => Verdict::Unclear(format!(
                    "`{name}` is there, but this server doesn't promise that all rows of the query are"
                )),
                true => Verdict::Happened,
                false => Verdict::Unclear(format!("`{name}` was there before, and is another now")),
            }
        }
        Rule::Vanish { again } => {
            let there = pairs().filter(|(was, _)| was.image.is_some());
            match there.clone().all(|(_, is)| is.image.is_none()) {
                true => Verdict::Happened,
                false if *again => Verdict::Absent,
                false => Verdict::Unclear(format!(
                    "of what it drops, only {} is gone",
                    there
                        .filter(|(_, is)| is.image.is_none())
                        .map(|(was, _)| format!("`{}`", was.object.name))
                        .collect::<Vec<_>>()
                        .join(", ")
                )),
            }
        }
        Rule::Rename { .. } => {
            let expected = renamed(before);
            match expected
                .iter()
                .zip(now)
                .all(|(image, is)| *image == is.image)
                && !ambiguous_rename(before)
            {
                true => Verdict::Happened,
                false => Verdict::Unclear("the tables look like neither before nor after".into()),
            }
        }
    }
}

/// A table that is empty is as it should be, whoever emptied it. One that still begins with the row it began with was not
/// emptied; one that begins with another row may have been, and filled again.
fn truncated(before: &Before, now: &[Seen]) -> Verdict {
    let first = |seen: Option<&Seen>| seen.and_then(|s| s.first.clone()).unwrap_or_default();
    let (was, is) = (first(before.seen.first()), first(now.first()));
    match (was.as_str(), is.as_str()) {
        ("", _) | (_, "") => Verdict::Unclear("the table's rows can't be read".into()),
        (EMPTY, _) | (_, EMPTY) => Verdict::Happened,
        (was, is) if was == is => Verdict::Absent,
        _ => Verdict::Unclear(
            "the table has other rows than before: emptied and filled again, or only changed"
                .into(),
        ),
    }
}

/// The images after the renaming, in the order of `seen`.
fn renamed(before: &Before) -> Vec<Option<String>> {
    let Rule::Rename { pairs } = &before.rule else {
        return Vec::new();
    };
    let mut images: Vec<(Object, Option<String>)> = before
        .seen
        .iter()
        .map(|s| (s.object.clone(), s.image.clone()))
        .collect();
    for (from, to) in pairs {
        let moved = images
            .iter_mut()
            .find(|(object, _)| object == from)
            .and_then(|(_, image)| image.take());
        if let Some((_, image)) = images.iter_mut().find(|(object, _)| object == to) {
            *image = moved;
        }
    }
    images.into_iter().map(|(_, image)| image).collect()
}

/// Two tables of one shape that change places look the same before and after.
fn ambiguous_rename(before: &Before) -> bool {
    matches!(before.rule, Rule::Rename { .. })
        && renamed(before)
            .iter()
            .zip(&before.seen)
            .all(|(after, seen)| *after == seen.image)
}

fn qualify(mut object: Object, seen: &[Seen]) -> Object {
    if object.schema.is_none() {
        let same = seen
            .iter()
            .find(|s| s.object.name == object.name && s.object.kind == object.kind);
        object.schema = same.and_then(|s| s.object.schema.clone());
    }
    object
}

/// The schema that an unqualified name means: a file may have said USE.
async fn current_schema(link: &mut Link, database: &str) -> Result<Option<String>, Trouble> {
    let current = link.value("SELECT DATABASE()").await?;
    Ok(Some(current.unwrap_or_else(|| database.to_owned())))
}

/// The image of a table as it would be under the name that it had: the server renames with it the constraints that it has named by itself.
pub async fn look_renamed(
    link: &mut Link,
    table: Object,
    former: &str,
) -> Result<Option<String>, Trouble> {
    let (sql, column) = show(&table);
    let answer = match link.run(sql).await {
        Ok(answer) => answer,
        Err(Trouble::Server(error)) if is_absent(error.code) => return Ok(None),
        Err(trouble) => return Err(trouble),
    };
    let row = answer.rows.into_iter().next().unwrap_or_default();
    let mut text = strip(
        row.get(column)
            .cloned()
            .flatten()
            .as_deref()
            .unwrap_or_default(),
        &table,
    );
    for ending in ["_ibfk_", "_chk_"] {
        let begins = |name: &str| format!("`{}{ending}", name.replace('`', "``"));
        text = text.replace(&begins(&table.name), &begins(former));
    }
    Ok(Some(digest(&text)))
}

async fn look(link: &mut Link, object: Object, rule: &Rule) -> Result<Seen, Trouble> {
    let (sql, column) = show(&object);
    let image = match link.run(sql).await {
        Ok(answer) => answer.rows.into_iter().next().map(|row| {
            let text = row.get(column).cloned().flatten();
            // A stored program's text is NULL for an account that may run it and not read it.
            text.map_or_else(
                || "hidden".to_owned(),
                |text| digest(&strip(&text, &object)),
            )
        }),
        Err(Trouble::Server(error)) if is_absent(error.code) => None,
        Err(trouble) => return Err(trouble),
    };
    let first = match (rule, &image) {
        (Rule::Truncate, Some(_)) => first_row(link, &object).await?,
        _ => None,
    };
    Ok(Seen {
        object,
        image,
        first,
    })
}

/// A hash of the table's first row.
async fn first_row(link: &mut Link, object: &Object) -> Result<Option<String>, Trouble> {
    match link
        .run(format!("SELECT * FROM {} LIMIT 1", qualified(object)))
        .await
    {
        Ok(answer) => Ok(Some(match answer.rows.first() {
            Some(row) => digest(&format!("{row:?}")),
            None => EMPTY.to_owned(),
        })),
        Err(Trouble::Server(_)) => Ok(None),
        Err(trouble) => Err(trouble),
    }
}

fn qualified(object: &Object) -> String {
    match &object.schema {
        Some(schema) => format!("{}.{}", quote::name(schema), quote::name(&object.name)),
        None => quote::name(&object.name),
    }
}

/// What shows an object, and which column of it is the definition.
fn show(object: &Object) -> (String, usize) {
    let name = qualified(object);
    match object.kind {
        Kind::Table => (format!("SHOW CREATE TABLE {name}"), 1),
        Kind::View => (format!("SHOW CREATE VIEW {name}"), 1),
        Kind::Database => (format!("SHOW CREATE DATABASE {name}"), 1),
        Kind::Trigger => (format!("SHOW CREATE TRIGGER {name}"), 2),
        Kind::Procedure => (format!("SHOW CREATE PROCEDURE {name}"), 2),
        Kind::Function => (format!("SHOW CREATE FUNCTION {name}"), 2),
        Kind::Event => (format!("SHOW CREATE EVENT {name}"), 3),
    }
}

/// No such table, view, database, routine, trigger, event; and a table where a view is asked for.
fn is_absent(code: u16) -> bool {
    matches!(code, 1146 | 1049 | 1305 | 1360 | 1539 | 1347 | 4091 | 1109)
}

/// A definition without its own name, so that it can be followed through a renaming, and without the counter that moves
/// with each row.
fn strip(definition: &str, object: &Object) -> String {
    let without_name = definition.replacen(&quote::name(&object.name), "", 1);
    let Some(at) = without_name.find(" AUTO_INCREMENT=") else {
        return without_name;
    };
    let digits = without_name[at + 16..]
        .bytes()
        .take_while(u8::is_ascii_digit)
        .count();
    format!(
        "{}{}",
        &without_name[..at],
        &without_name[at + 16 + digits..]
    )
}

fn digest(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(16).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
