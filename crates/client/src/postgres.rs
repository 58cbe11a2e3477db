//! What to ask PostgreSQL, 12 and newer. Any account may ask it; one in `pg_monitor` learns more ([`LOOK`]).

/// After a write, on the same server, once COMMIT has returned: one row, one column, a [`Position`](crate::Position) as text.
///
/// It may share a message with the write: `COMMIT; SELECT …`. The place is that of the next insertion into the log:
/// with `synchronous_commit = off` what is *written* may still lie before one's own commit.
pub const AFTER_WRITE: &str = "SELECT 'wal:' || s.system_identifier
    || '/' || ('x' || left(pg_walfile_name(l.lsn), 8))::bit(32)::int
    || '/' || l.lsn AS position
  FROM pg_control_system() AS s, (SELECT pg_current_wal_insert_lsn() AS lsn) AS l";

/// On a node: one row of two columns, for [`Answer::read`](crate::Answer::read).
///
/// Let the account that looks be in `pg_monitor`. To any other a standby does not show which timeline it receives, and
/// after a failover it seems to be on the old one until its next restart point, minutes later: it is not chosen for new
/// positions until then.
pub const LOOK: &str =
    "SELECT CASE WHEN pg_is_in_recovery() THEN 'replica' ELSE 'primary' END AS role,
    'wal:' || s.system_identifier || '/' || CASE WHEN pg_is_in_recovery()
      THEN greatest(
             (SELECT timeline_id FROM pg_control_checkpoint()),
             (SELECT min_recovery_end_timeline FROM pg_control_recovery()),
             (SELECT received_tli FROM pg_stat_wal_receiver)
           ) || '/' || pg_last_wal_replay_lsn()
      ELSE ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int
           || '/' || pg_current_wal_insert_lsn()
    END AS position
  FROM pg_control_system() AS s";
