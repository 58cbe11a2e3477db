//! Which locks a standby replays, as the log has them.

use super::super::link::{Link, Trouble};

/// A lock record: where it lies, and the relation.
pub(super) struct Record {
    pub(super) at: u64,
    pub(super) relation: u64,
}

/// Makes the log readable, if the server has what reads it (PostgreSQL 15 and later, with its contrib modules).
pub(super) async fn prepare(log: &Link) -> bool {
    let made = log
        .run("CREATE EXTENSION IF NOT EXISTS pg_walinspect", usize::MAX)
        .await;
    made.trouble.is_none()
}

/// Writes all of the log out, so that it can be read and reaches the standby. Where it ends.
pub(super) async fn flush(log: &Link) -> Result<String, Trouble> {
    // Two messages: what one of them sends together commits together, at its end.
    let mark = "SELECT pg_logical_emit_message(true, 'greylag', '')";
    log.run(mark, usize::MAX).await.into_rows()?;
    let place = "SELECT pg_current_wal_flush_lsn()";
    let rows = log.run(place, 0).await.into_rows()?;
    let text = rows.first().and_then(|(_, row)| row.get(0));
    Ok(text.unwrap_or_default().to_owned())
}

/// The lock records of a database between two places of the log.
pub(super) async fn between(
    log: &Link,
    database: &str,
    from: u64,
    to: &str,
) -> Result<Vec<Record>, Trouble> {
    let sql = format!(
        "SELECT pg_wal_lsn_diff(start_lsn, '0/0')::bigint, description \
           FROM pg_get_wal_records_info('{:X}/{:X}', '{to}') \
          WHERE resource_manager = 'Standby' AND record_type = 'LOCK'",
        from >> 32,
        from & 0xFFFF_FFFF,
    );
    let rows = log.run(&sql, 0).await.into_rows()?;
    let mut records = Vec::new();
    for (_, row) in &rows {
        let at = row.get(0).and_then(|text| text.parse().ok()).unwrap_or(0);
        let relations = locked(row.get(1).unwrap_or_default(), database);
        records.extend(
            relations
                .into_iter()
                .map(|relation| Record { at, relation }),
        );
    }
    Ok(records)
}

/// `xid 745 db 16384 rel 16390`, once or more.
fn locked(description: &str, database: &str) -> Vec<u64> {
    let words: Vec<&str> = description
        .split_whitespace()
        .map(|word| word.trim_end_matches(';'))
        .collect();
    words
        .windows(4)
        .filter(|four| four[0] == "db" && four[1] == database && four[2] == "rel")
        .filter_map(|four| four[3].parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_record_names_the_relations_of_its_database() {
        let said = "xid 745 db 16384 rel 16390; xid 745 db 5 rel 17; xid 746 db 16384 rel 2 ";
        assert_eq!(super::locked(said, "16384"), [16390, 2]);
    }
}
