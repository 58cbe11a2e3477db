//! What to ask MariaDB, 10.6 and newer, with a binary log. Any account may ask it.
//!
//! MariaDB compares by replication domain and sequence number, which say nothing of the cluster: the nodes of one
//! [`Tracker`](crate::Tracker) must be nodes of one shard, since a stranger with the same domain would pass for a replica.

use crate::session_state::{self, SessionStateError};
use greylag_core::position::Position;

/// After a write, on the same connection: one row, one column, a [`Position`] as text. It names the last transaction of this
/// session, and no place at all where it wrote nothing. NULL without a binary log: then the primary must be read.
pub const AFTER_WRITE: &str = "SELECT CASE WHEN @@GLOBAL.log_bin THEN CONCAT('domains:', @@SESSION.last_gtid) END AS position";

/// On a node: one row of two columns, for [`Answer::read`](crate::Answer::read).
///
/// A node that can be written to counts as a primary: replicas must have `read_only` set, as they should anyway. Of a
/// replica only what it has replayed counts (`gtid_slave_pos`): a stray write on it would put its binary log ahead of its
/// primary's.
pub const LOOK: &str = "SELECT CASE WHEN CAST(@@GLOBAL.read_only AS CHAR) IN ('0', 'OFF') THEN 'primary' ELSE 'replica' END AS role,
    CONCAT('domains:', CASE WHEN CAST(@@GLOBAL.read_only AS CHAR) IN ('0', 'OFF')
      THEN @@GLOBAL.gtid_current_pos ELSE @@GLOBAL.gtid_slave_pos END) AS position";

/// Once on each connection: the server names a transaction of this session in the OK packet that ends it. For drivers that
/// hand out the session state of OK packets; it spares [`AFTER_WRITE`].
pub const TRACK: &str = "SET SESSION session_track_system_variables = CONCAT_WS(',',
    NULLIF(@@SESSION.session_track_system_variables, ''), 'last_gtid')";

/// The position of a transaction that the driver names as the tracked variable `last_gtid`: `0-1-84`. None where that is no
/// GTID.
pub fn own(gtid: &str) -> Option<Position> {
    Position::parse_domains(gtid)
}

/// The position in the session state of an OK packet, as bytes (all of the field, without its length). None where the
/// statement ended no transaction that wrote something.
pub fn position_in_ok(session_state: &[u8]) -> Result<Option<Position>, SessionStateError> {
    session_state::variable(session_state, b"last_gtid")?
        .filter(|gtid| !gtid.is_empty())
        .map(|gtid| own(gtid).ok_or_else(|| SessionStateError::Domains(gtid.to_owned())))
        .transpose()
}
