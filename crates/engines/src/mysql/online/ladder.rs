//! The ways of a change, lightest first, asked of the server one after another until it takes one.

use super::{
    refusal,
    statement::{self, Change, Clauses, Form, Unread},
};
use crate::{
    job::Note,
    mysql::{
        apply::{self, End},
        link::Trouble,
        quote,
        verb::Verb,
        walk::Walk,
    },
};
use greylag_core::online::{Asked, OnlineDdl, Way};

/// What the server says where it can't do a statement in the way it was told: not supported, not supported for a reason, a way it
/// has never heard of, and a table that has been changed instantly too often.
const CANNOT: [u16; 4] = [1845, 1846, 1800, 4092];

/// Connections that read the binary log: replicas, and what else follows writes there.
const READERS: &str =
    "SELECT COUNT(*) FROM information_schema.processlist WHERE COMMAND LIKE 'Binlog Dump%'";

/// What is known of a table that is to be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// None where the server doesn't say.
    pub bytes: Option<u64>,
    pub has_rows: bool,
}

impl Extent {
    /// What is not known is not small.
    fn is_up_to(self, limit: u64) -> bool {
        self.bytes.is_some_and(|bytes| bytes <= limit)
    }
}

impl Walk<'_> {
    /// Runs a statement that commits by itself, in the lightest way that the server takes and the project allows.
    pub async fn change(&mut self, index: usize) -> Result<(), End> {
        let sql = self.sql(index).to_owned();
        let online = &self.job.online;
        let off = match online.asked {
            Asked::Off => true,
            Asked::Auto => online.ddl == OnlineDdl::Off,
            _ => false,
        };
        if off {
            return self.execute(index).await;
        }
        let Some(change) = statement::read(&sql) else {
            return match statement::unread(&sql) {
                Some(unread) => self.execute_unread(index, unread).await,
                None => self.execute(index).await,
            };
        };
        let is_written = change.says_algorithm
            || change.clauses == Clauses::Whole
            || change.form == Form::DropIndex && change.says_lock;
        if is_written || self.is_temporary(&change.table) {
            self.execute(index).await?;
            self.went(index, Way::Written, Vec::new());
            return Ok(());
        }
        let takes_ways = change.clauses != Clauses::PartitionsAnew
            || self.session.flavour.partitions_take_ways();
        let mut not = Vec::new();
        if takes_ways
            && change.form != Form::CreateIndex
            && !change.says_lock
            && self
                .tries(index, &sql, &change, Way::Instant, &mut not)
                .await?
        {
            return Ok(());
        }
        let Some(extent) = self.extent(change.schema.as_deref(), &change.table).await? else {
            // A temporary table, a view, or none at all: the server's own word counts.
            return self.execute(index).await;
        };
        let is_small = !extent.has_rows || extent.is_up_to(online_of(self).copy_up_to);
        if takes_ways {
            for way in self.session.flavour.inplace_ways() {
                match self.forbids(&change, extent, is_small).await? {
                    Some(why) => {
                        not.push(format!("in place: {why}"));
                        break;
                    }
                    None if self
                        .tries(index, &sql, &change, way.clone(), &mut not)
                        .await? =>
                    {
                        return Ok(());
                    }
                    None => {}
                }
            }
        }
        if let Some(tool) = self.job.online.tool.clone().filter(|_| !is_small) {
            return self.hand_over(index, &change, &*tool, not).await;
        }
        let may_copy = is_small || online_of(self).may_copy;
        if !may_copy {
            return Err(self
                .refuse(index, refusal::no_way(&change, extent, not))
                .await);
        }
        if !takes_ways {
            self.execute(index).await?;
            self.went(index, Way::Copy, not);
            return Ok(());
        }
        // In place with writes waiting is still lighter than a copy.
        let blocking = Way::InplaceBlocking;
        if self.tries(index, &sql, &change, blocking, &mut not).await? {
            return Ok(());
        }
        let copying = change.by(&sql, "COPY", None);
        self.execute_text(index, &copying).await?;
        self.went(index, Way::Copy, not);
        Ok(())
    }

    /// A change of a table that can't be given a way goes none that the file has asked for. Without a word it runs as written where that
    /// costs nobody anything, or the author has named a way; never where the server might choose to copy.
    async fn execute_unread(&mut self, index: usize, unread: Unread) -> Result<(), End> {
        if online_of(self).asked != Asked::Auto {
            return Err(self.refuse(index, refusal::unread(unread.why)).await);
        }
        let harmless = unread.says_algorithm || unread.is_metadata || online_of(self).may_copy;
        if !harmless && !self.is_open_to_a_copy(&unread).await? {
            let refusal = refusal::chosen_by_server(&unread);
            return Err(self.refuse(index, refusal).await);
        }
        self.execute(index).await?;
        self.went(index, Way::Written, Vec::new());
        Ok(())
    }

    /// The table is its session's own, is not there, has no rows, or is as small as one that may be copied.
    async fn is_open_to_a_copy(&mut self, unread: &Unread) -> Result<bool, End> {
        let Some((schema, table)) = &unread.table else {
            return Ok(false);
        };
        if self.is_temporary(table) {
            return Ok(true);
        }
        let extent = self.extent(schema.as_deref(), table).await?;
        let limit = online_of(self).copy_up_to;
        Ok(extent.is_none_or(|extent| !extent.has_rows || extent.is_up_to(limit)))
    }

    /// Tells which way a statement took.
    pub fn went(&self, index: usize, way: Way, not: Vec<String>) {
        (self.progress)(Note::Online {
            migration: self.job.migration.clone(),
            statement: index as u32 + 1,
            way,
            not,
        });
    }

    /// Tries one way. False, with the server's word, where it can't.
    async fn tries(
        &mut self,
        index: usize,
        sql: &str,
        change: &Change,
        way: Way,
        not: &mut Vec<String>,
    ) -> Result<bool, End> {
        let (algorithm, lock) = match way {
            Way::Instant => ("INSTANT", None),
            Way::Nocopy => ("NOCOPY", Some("NONE")),
            Way::InplaceBlocking => ("INPLACE", None),
            _ => ("INPLACE", Some("NONE")),
        };
        let text = change.by(sql, algorithm, lock);
        match apply::statement_text(self.session, self.job, &text).await {
            Ok(answer) => {
                let kept = apply::keep_warnings(self.session, &answer, &mut self.warnings).await;
                kept.map_err(|t| apply::of_trouble(self.session, self.job, t, "reading warnings"))?;
                self.went(index, way, std::mem::take(not));
                Ok(true)
            }
            Err(Trouble::Server(error)) if CANNOT.contains(&error.code) => {
                not.push(format!("{way}: {}", error.message.trim_end_matches('.')));
                Ok(false)
            }
            Err(trouble) => Err(self.of_statement(index, trouble).await),
        }
    }

    /// Why the table is not changed in place, if it is not.
    async fn forbids(
        &mut self,
        change: &Change,
        extent: Extent,
        is_small: bool,
    ) -> Result<Option<String>, End> {
        let online = online_of(self);
        if change.is_metadata || is_small {
            return Ok(None);
        }
        match (&online.asked, online.ddl) {
            (Asked::Inplace, _) => return Ok(None),
            (Asked::Tool(name), _) => return Ok(Some(format!("the file asks for {name}"))),
            (Asked::Instant, _) => return Ok(Some("the file allows `instant` alone".into())),
            (_, OnlineDdl::Instant) => {
                let why = "the project allows `instant` alone here ([online] ddl)";
                return Ok(Some(why.into()));
            }
            _ => {}
        }
        let Some(limit) = online
            .inplace_up_to
            .filter(|limit| !extent.is_up_to(*limit))
        else {
            return Ok(None);
        };
        let who = match online.names_replicas {
            true => Some("replicas".to_owned()),
            false => self.followers().await?,
        };
        Ok(who.map(|who| {
            format!(
                "{} has {}, and {who} would repeat it as a whole, which is allowed up to {} ([online] inplace-up-to)",
                quote::name(&change.table),
                refusal::extent(extent),
                refusal::size(limit)
            )
        }))
    }

    /// Who would repeat a change though the project names nobody: those that read the binary log now. None where nobody does.
    async fn followers(&mut self) -> Result<Option<String>, End> {
        let link = &mut self.session.link;
        let writes_log = link.value("SELECT @@global.log_bin").await;
        let answer = match writes_log {
            Ok(Some(on)) if on != "0" => {
                // Without PROCESS the list is short, not refused; this is.
                let sees_all = link
                    .value("SELECT COUNT(*) FROM information_schema.innodb_trx")
                    .await;
                match sees_all {
                    Ok(_) => link.value(READERS).await,
                    Err(error) => Err(error),
                }
            }
            Ok(_) => return Ok(None),
            Err(error) => Err(error),
        };
        match answer {
            Ok(count) if count.as_deref() == Some("0") => Ok(None),
            Ok(count) => Ok(Some(format!(
                "{} of its binary log, which the project does not name as replicas,",
                match count.as_deref() {
                    Some("1") => "1 reader".to_owned(),
                    count => format!("{} readers", count.unwrap_or("some")),
                }
            ))),
            Err(Trouble::Server(_)) => Ok(Some(
                "replicas, if there are any (the account may not see: GRANT PROCESS ON *.*),"
                    .into(),
            )),
            Err(lost) => {
                let doing = "asking who reads the binary log";
                Err(apply::of_trouble(self.session, self.job, lost, doing))
            }
        }
    }

    /// How much a table holds; none where there is no such table that anybody else sees.
    async fn extent(&mut self, schema: Option<&str>, table: &str) -> Result<Option<Extent>, End> {
        let mut answers = Vec::new();
        let sql = self.session.flavour.extent_sql(schema, table);
        let asked = self.session.link.run_all(sql, &mut answers).await;
        let doing = "asking how much a table holds";
        asked.map_err(|t| apply::of_trouble(self.session, self.job, t, doing))?;
        let row = answers.into_iter().find_map(|a| a.rows.into_iter().next());
        let Some(row) = row else { return Ok(None) };
        let bytes = row.first().cloned().flatten();
        let name = match schema {
            Some(schema) => format!("{}.{}", quote::name(schema), quote::name(table)),
            None => quote::name(table),
        };
        let first = (self.session.link)
            .value(&format!("SELECT 1 FROM {name} LIMIT 1"))
            .await;
        let first = match first {
            Ok(first) => first,
            Err(trouble) => return Err(apply::of_trouble(self.session, self.job, trouble, doing)),
        };
        // Rows without a byte are figures that the server has not got.
        let bytes = bytes.and_then(|text| text.parse().ok());
        Ok(Some(Extent {
            bytes: bytes.filter(|bytes| *bytes > 0),
            has_rows: first.is_some(),
        }))
    }

    /// The file has made a table of this name for its session alone.
    fn is_temporary(&self, table: &str) -> bool {
        let made = |index: usize| {
            self.verb(index) == Verb::CreateTemporary
                && crate::mysql::touched::touched(self.sql(index))
                    .objects
                    .iter()
                    .any(|object| object.name.eq_ignore_ascii_case(table))
        };
        (0..self.total()).any(made)
    }
}

fn online_of<'a>(walk: &'a Walk<'_>) -> &'a crate::online::Online {
    &walk.job.online
}
