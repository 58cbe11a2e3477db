//! What to ask MySQL, 8.0 and newer, with GTIDs on. Any account may ask it.
//!
//! A driver that hands out the session state of OK packets spares the question after a write: [`TRACK`] once on each
//! connection, then [`own`] or [`position_in_ok`]. Such a position names one's own transaction and nothing else, so that a
//! replica is good for it sooner.

use crate::session_state::{self, SessionStateError};
use greylag_core::position::{GtidSetError, Position};

/// After a write, on the same server: one row, one column, a [`Position`] as text. NULL where GTIDs are off: then nothing
/// can be told of any replica, and the primary must be read.
///
/// It names all that the server has executed by then.
pub const AFTER_WRITE: &str = "SELECT CASE WHEN @@GLOBAL.gtid_mode LIKE 'ON%'
    THEN CONCAT('gtid:', @@GLOBAL.gtid_executed) END AS position";

/// On a node: one row of two columns, for [`Answer::read`](crate::Answer::read).
///
/// A node that can be written to counts as a primary: replicas must have `read_only` or `super_read_only` set, as they
/// should anyway.
pub const LOOK: &str = "SELECT CASE WHEN @@GLOBAL.read_only THEN 'replica' ELSE 'primary' END AS role,
    CASE WHEN @@GLOBAL.gtid_mode LIKE 'ON%' THEN CONCAT('gtid:', @@GLOBAL.gtid_executed) END AS position";

/// Once on each connection: the server names a transaction of this session in the OK packet that ends it.
pub const TRACK: &str = "SET SESSION session_track_gtids = OWN_GTID";

/// The position of a transaction that the driver names as its tracked GTID: `3e11fa47-71ca-11e1-9e33-c80aa9429562:23`.
pub fn own(gtid: &str) -> Result<Position, GtidSetError> {
    gtid.parse().map(Position::Gtid)
}

/// The position in the session state of an OK packet, as bytes (all of the field, without its length). None where the
/// statement ended no transaction that wrote something.
pub fn position_in_ok(session_state: &[u8]) -> Result<Option<Position>, SessionStateError> {
    session_state::gtids(session_state)?
        .map(|gtids| own(gtids).map_err(SessionStateError::Gtid))
        .transpose()
}
