//! The primary's place in its write-ahead log, as asked for right behind a COMMIT.

use super::session::PgSession;
use crate::session::Position;
use tokio_postgres::SimpleQueryRow;

impl PgSession {
    /// Asks for the position now: where the next record goes, not the last one flushed, which an asynchronous commit is ahead of.
    /// The file's name carries the timeline, which is asked for once: a primary has another one only after a restart, which
    /// no session outlives. The cluster's identifier is what the survey saw; without it a position says nothing.
    /// The row begins with `mark`.
    pub(super) fn position_sql(&self, mark: &str) -> String {
        let (place, from) = self.position_columns();
        format!("SELECT '{mark}', {place}{from}")
    }

    fn position_columns(&self) -> (&'static str, &'static str) {
        match (self.lineage.is_empty(), self.timeline.get()) {
            (true, _) => ("NULL, NULL", ""),
            (false, None) => (
                "l, pg_catalog.pg_walfile_name(l)",
                " FROM pg_catalog.pg_current_wal_insert_lsn() l",
            ),
            (false, Some(_)) => ("pg_catalog.pg_current_wal_insert_lsn(), NULL", ""),
        }
    }

    pub(super) fn position_of(&self, row: &SimpleQueryRow) -> Option<Position> {
        let timeline = match row.get(2) {
            Some(file) => {
                let told = u32::from_str_radix(file.get(..8)?, 16).ok()?;
                *self.timeline.get_or_init(|| told)
            }
            None => *self.timeline.get()?,
        };
        Some(Position::Wal {
            system: self.lineage.clone(),
            timeline,
            lsn: end_of_record(Position::parse_lsn(row.get(1)?)?),
        })
    }
}

/// Where the last record ended, of where the next one begins. They differ where a page of the log is just full: the next one
/// begins behind the new page's header, and a standby that has everything stands before it. No record ends in a header, nor
/// at once behind it without having begun before it, so that nothing else is meant by such a place.
pub fn end_of_record(next: u64) -> u64 {
    const PAGE: u64 = 8192;
    const HEADER: u64 = 24;
    const FIRST_HEADER: u64 = 40;
    match next % PAGE {
        within @ (HEADER | FIRST_HEADER) => next - within,
        _ => next,
    }
}
