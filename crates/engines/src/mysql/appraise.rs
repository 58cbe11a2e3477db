//! What a database holds and how its server is set.

use super::{
    flavour,
    link::{Link, Trouble},
    open as door, url,
};
use crate::{
    appraisal::{Appraisal, AppraiseError, Cells, Numbered, Standby, TableSize},
    error::{EngineError, OpenError},
    secret::Secret,
    target::Target,
};
use greylag_core::node::Unobservable;
use std::collections::BTreeMap;

const DOING: &str = "reading sizes and settings";

const GREETING: &str = "SET NAMES utf8mb4; \
    SELECT CONNECTION_ID(), VERSION(), @@version_comment, DATABASE()";

/// MySQL serves sizes from a day ago unless told otherwise; MariaDB passes the comment over.
const SETTINGS: &str = "SET SESSION TRANSACTION READ ONLY; SET SESSION lock_wait_timeout = 1; \
    /*!80000 SET SESSION information_schema_stats_expiry = 0 */";

const TABLES: &str = "SELECT t.table_name AS name, t.table_rows AS table_rows, t.data_length AS table_bytes, \
    t.index_length AS index_bytes, k.table_name IS NOT NULL AS keyed, t.auto_increment AS next_number \
    FROM information_schema.tables t \
    LEFT JOIN information_schema.table_constraints k ON k.table_schema = t.table_schema \
     AND k.table_name = t.table_name AND k.constraint_type = 'PRIMARY KEY' \
    WHERE t.table_schema = DATABASE() AND t.table_type = 'BASE TABLE'";

/// Of each table at most one, whose next number stands with the table.
const NUMBERED: &str = "SELECT table_name AS name, column_name AS numbered, column_type AS type \
    FROM information_schema.columns WHERE table_schema = DATABASE() AND extra LIKE '%auto_increment%'";

/// MySQL's own, for accounts with PROCESS; MariaDB has no such count, and no limit to it.
const ROW_VERSIONS: &str = "SELECT SUBSTRING_INDEX(name, '/', -1) AS name, total_row_versions AS row_versions \
    FROM information_schema.innodb_tables WHERE name LIKE CONCAT(DATABASE(), '/%')";

/// As a working session has them, after the session SQL.
const SESSION: &str = "SELECT @@sql_mode AS `sql_mode`, @@time_zone AS `time_zone`, \
    @@character_set_database AS `character_set_database`, @@collation_database AS `collation_database`, \
    @@default_storage_engine AS `default_storage_engine`, @@foreign_key_checks AS `foreign_key_checks`, \
    @@lower_case_table_names AS `lower_case_table_names`, \
    @@explicit_defaults_for_timestamp AS `explicit_defaults_for_timestamp`";

const READERS: &str = "SELECT MAX(TIMESTAMPDIFF(MICROSECOND, trx_started, NOW(6)) DIV 1000) AS reader \
    FROM information_schema.innodb_trx WHERE trx_mysql_thread_id <> CONNECTION_ID()";

/// Reads all of it over a connection of its own.
pub async fn appraise(target: &Target) -> Result<Appraisal, AppraiseError> {
    let address = url::read(target)?;
    let password = match &target.password {
        Some(source) => Some(source.resolve().await.map_err(OpenError::from)?),
        None => address.password.clone().map(Secret::new),
    };
    let (mut link, _) = door::connect(target, &address, password.as_ref(), true).await?;
    let row = door::greeted(target, &mut link, GREETING).await?;
    let column = |at: usize| row.get(at).cloned().flatten().unwrap_or_default();
    let version = column(1);
    let flavour = door::known(target, &link, &column(0), &version, &column(2))?;
    door::session_sql(target, &mut link).await?;
    let read = read(&mut link, flavour, version, &address.user).await;
    link.close().await;
    Ok(read?)
}

async fn read(
    link: &mut Link,
    flavour: &dyn flavour::Flavour,
    version: String,
    user: &str,
) -> Result<Appraisal, EngineError> {
    let settings = one(link, SESSION).await?;
    let mut answers = Vec::new();
    let set = link.run_all(SETTINGS, &mut answers).await;
    set.map_err(|trouble| link.refused(trouble, DOING))?;
    let about = link.run(flavour.server_sql()).await;
    let about = about.map_err(|trouble| link.refused(trouble, DOING))?;
    let about = about.rows.into_iter().next().unwrap_or_default();
    let column = |at: usize| about.get(at).cloned().flatten();
    let mut appraisal = Appraisal {
        version,
        server: column(0).unwrap_or_default(),
        // What can't tell is known by what it refuses: a primary takes writes.
        replica: column(2).map_or(column(1).as_deref() == Some("1"), |word| word == "1"),
        settings: settings
            .0
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect(),
        ..Appraisal::default()
    };
    if !appraisal.replica {
        let rows = link.named_rows(TABLES).await;
        let rows = rows.map_err(|trouble| link.refused(trouble, DOING))?;
        let numbered = link.named_rows(NUMBERED).await;
        let numbered = numbered.map_err(|trouble| link.refused(trouble, DOING))?;
        let numbered = by_table(numbered.into_iter().map(Cells));
        let rows = rows.into_iter().map(Cells);
        appraisal.tables = rows.filter_map(|row| table_size(row, &numbered)).collect();
        match link.named_rows(ROW_VERSIONS).await {
            Ok(rows) => count_versions(&mut appraisal.tables, rows.into_iter().map(Cells)),
            Err(Trouble::Server(_)) => {}
            Err(lost) => return Err(link.refused(lost, DOING)),
        }
        return Ok(appraisal);
    }
    let readers = link.named_rows(READERS).await;
    let oldest = match readers {
        Ok(rows) => rows
            .into_iter()
            .next()
            .and_then(|row| Cells(row).number("reader")),
        Err(Trouble::Server(_)) => {
            appraisal.unseen.push(Unobservable {
                what: "how long readers have been reading".into(),
                mend: format!("GRANT PROCESS ON *.* TO '{user}'@'%'"),
            });
            None
        }
        Err(lost) => return Err(link.refused(lost, DOING)),
    };
    appraisal.standby = Some(Standby {
        // A change of the schema waits for readers of the table for as long as they read.
        conflict_delay_ms: -1,
        feedback: false,
        oldest_reader_ms: oldest,
    });
    Ok(appraisal)
}

async fn one(link: &mut Link, sql: &str) -> Result<Cells, EngineError> {
    let rows = link.named_rows(sql).await;
    let rows = rows.map_err(|trouble| link.refused(trouble, DOING))?;
    Ok(Cells(rows.into_iter().next().unwrap_or_else(BTreeMap::new)))
}

/// The numbered column of each table, and its type.
fn by_table(rows: impl Iterator<Item = Cells>) -> BTreeMap<String, (String, String)> {
    rows.filter_map(|row| {
        Some((
            row.text("name")?,
            (row.text("numbered")?, row.text("type")?),
        ))
    })
    .collect()
}

fn table_size(row: Cells, numbered: &BTreeMap<String, (String, String)>) -> Option<TableSize> {
    let name = row.text("name")?;
    let numbered = numbered.get(&name).and_then(|(column, data_type)| {
        // It is the next one, so that one less are used.
        let next: u64 = row.number("next_number")?;
        Some(Numbered {
            column: column.clone(),
            data_type: data_type.clone(),
            used: next.saturating_sub(1),
            room: largest(data_type)?,
        })
    });
    Some(TableSize {
        schema: None,
        name,
        visible: true,
        rows: row.number("table_rows").unwrap_or(0),
        table_bytes: row.number("table_bytes"),
        index_bytes: row.number("index_bytes"),
        has_primary_key: row.is("keyed"),
        row_versions: None,
        numbered: numbered.into_iter().collect(),
    })
}

/// The largest number of a type, as the catalog spells it: `int(10) unsigned`.
fn largest(data_type: &str) -> Option<u64> {
    let data_type = data_type.to_ascii_lowercase();
    let name = data_type.split(['(', ' ']).next()?;
    let bits = match name {
        "tinyint" => 8,
        "smallint" => 16,
        "mediumint" => 24,
        "int" => 32,
        "bigint" => 64,
        _ => return None,
    };
    let signed = !data_type.contains("unsigned");
    Some(u64::MAX >> (64 - bits + u32::from(signed)))
}

fn count_versions(tables: &mut [TableSize], rows: impl Iterator<Item = Cells>) {
    let counts: BTreeMap<String, u64> = rows
        .filter_map(|row| Some((row.text("name")?, row.number("row_versions")?)))
        .collect();
    for table in tables {
        table.row_versions = counts.get(&table.name).copied();
    }
}

#[cfg(test)]
mod tests {
    use super::largest;

    #[test]
    fn the_largest_number_of_a_type_is_known_by_its_spelling() {
        for (data_type, most) in [
            ("tinyint(4)", 127),
            ("smallint unsigned", 65_535),
            ("mediumint(9)", 8_388_607),
            ("int", 2_147_483_647),
            ("int(10) unsigned", 4_294_967_295),
            ("BIGINT(20)", i64::MAX as u64),
            ("bigint unsigned", u64::MAX),
        ] {
            assert_eq!(largest(data_type), Some(most), "{data_type}");
        }
        assert_eq!(largest("double"), None);
    }
}
