//! Where MySQL and MariaDB differ, asked by the rest of this module.

use super::{mariadb::MariaDb, observe::Look, upstream::MySql};
use greylag_core::{engine::Engine, online::Way};

/// What one of the two servers says and does differently. SQL is written whole for each.
pub trait Flavour: Send + Sync {
    fn engine(&self) -> Engine;

    /// Why this version is not supported, if it is not.
    fn too_old(&self, version: &str) -> Option<&'static str>;

    /// One row: lineage, whether it is read-only, and whether it proves to be a replica without any privilege (1), does not (0),
    /// or can't tell (NULL).
    fn server_sql(&self) -> &'static str;

    /// A row for each source that the server is a replica of; needs a privilege.
    fn replica_sql(&self) -> &'static str;

    /// The privilege that `replica_sql` needs.
    fn replica_privilege(&self) -> &'static str;

    /// The position in the stream, as one text; empty without a binary log.
    fn position_sql(&self) -> &'static str;

    /// Where there is a binary log and no position as one text: a query whose row begins with log and offset.
    fn log_sql(&self, version: &str) -> Option<&'static str>;

    /// What is asked to see how the server stands in replication.
    fn look(&self) -> &'static Look;

    /// Takes back what a file may have set for its session. (A reset of the connection would let go of the shard's lock.)
    fn reset_sql(&self) -> &'static str;

    /// CREATE TABLE … SELECT is there with all its rows, or not at all.
    fn create_select_is_atomic(&self) -> bool;

    /// The connect attribute `program_name` of a session can be read by an ordinary account: a query with `{pid}` for the id.
    fn application_sql(&self) -> Option<&'static str>;

    /// Who blocks connection `{pid}`, each a query of its own: id, user, what it holds, its query, open milliseconds, application.
    /// Queries that the account may not run are left out, and said.
    fn blocker_sql(&self) -> &'static [BlockerQuery];

    /// The ways in place that let writes go on, lightest first.
    fn inplace_ways(&self) -> &'static [Way];

    /// Clauses about partitions take ALGORITHM and LOCK.
    fn partitions_take_ways(&self) -> bool;

    /// Settings without which tools misread the server.
    fn tool_settings(&self, version: &str) -> &'static [&'static str];

    /// The bytes of a table and its indexes, as one row; none where it is no base table that others see.
    fn extent_sql(&self, schema: Option<&str>, table: &str) -> String;

    /// What `doctor` looks at: one row of name and value per setting.
    fn settings_sql(&self) -> &'static str;

    /// What is wrong with a setting, and what mends it.
    fn judge_setting(&self, name: &str, value: &str) -> Option<(&'static str, &'static str)>;
}

/// One way to see who blocks.
#[derive(Clone, Copy, Debug)]
pub struct BlockerQuery {
    pub sql: &'static str,
    /// What is not seen where it is refused, and what would let it be seen.
    pub unseen: &'static str,
}

/// Which of the two a server is.
pub fn of(version: &str, comment: &str) -> &'static dyn Flavour {
    let says = |text: &str| text.to_ascii_lowercase().contains("mariadb");
    if says(version) || says(comment) {
        &MariaDb
    } else {
        &MySql
    }
}

/// The leading numbers of a version, as far as they go.
pub fn numbers(version: &str) -> (u32, u32, u32) {
    let mut parts = version
        .split(|c: char| !c.is_ascii_digit())
        .map(|part| part.parse().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    (next(), next(), next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_says_which_of_the_two_it_is() {
        assert_eq!(
            of("10.11.19-MariaDB-0+deb12u1-log", "Debian 12").engine(),
            Engine::Mariadb
        );
        assert_eq!(
            of("9.7.4", "MySQL Community Server").engine(),
            Engine::Mysql
        );
        assert_eq!(
            of("11.4.2", "mariadb.org binary distribution").engine(),
            Engine::Mariadb
        );
    }

    #[test]
    fn a_version_is_read_by_its_numbers() {
        assert_eq!(numbers("10.11.19-MariaDB-log"), (10, 11, 19));
        assert_eq!(numbers("9.7"), (9, 7, 0));
    }
}
