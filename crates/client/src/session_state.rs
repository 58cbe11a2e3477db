//! The session state in an OK packet of MySQL's protocol, as far as it names transactions.
//!
//! The field is a run of entries: a byte that says what it is, a length, and that many bytes. Lengths are the protocol's own:
//! one byte up to 250, else a mark and two, three or eight bytes. Only the bytes are known here, not the packet around them.

use greylag_core::position::GtidSetError;

/// Why the session state of an OK packet can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionStateError {
    /// An entry goes past the end.
    #[error("the session state ends in the middle of an entry")]
    Short,
    /// A name is no text.
    #[error("the session state names a transaction in something that is no text")]
    NoText,
    /// What should be GTIDs is something else.
    #[error("the session state names no set of transactions")]
    Gtid(#[source] GtidSetError),
    /// What should be MariaDB's GTID is something else.
    #[error("the session state names `{0}`, which is no transaction of MariaDB")]
    Domains(String),
}

const SYSTEM_VARIABLES: u8 = 0;
const GTIDS: u8 = 3;

/// The tracked GTIDs.
pub(crate) fn gtids(state: &[u8]) -> Result<Option<&str>, SessionStateError> {
    let mut found = None;
    for_each(state, |kind, mut entry| {
        if kind == GTIDS {
            // How what follows is written; 0, as text, is all there is so far.
            let _encoding = take(&mut entry, 1)?;
            found = Some(text(text_bytes(&mut entry)?)?);
        }
        Ok(())
    })?;
    Ok(found)
}

/// The value of a tracked variable.
pub(crate) fn variable<'a>(
    state: &'a [u8],
    name: &[u8],
) -> Result<Option<&'a str>, SessionStateError> {
    let mut found = None;
    for_each(state, |kind, mut entry| {
        while kind == SYSTEM_VARIABLES && !entry.is_empty() {
            let (is, value) = (text_bytes(&mut entry)?, text_bytes(&mut entry)?);
            if is.eq_ignore_ascii_case(name) {
                found = Some(text(value)?);
            }
        }
        Ok(())
    })?;
    Ok(found)
}

fn for_each<'a>(
    mut state: &'a [u8],
    mut see: impl FnMut(u8, &'a [u8]) -> Result<(), SessionStateError>,
) -> Result<(), SessionStateError> {
    while !state.is_empty() {
        let kind = take(&mut state, 1)?[0];
        see(kind, text_bytes(&mut state)?)?;
    }
    Ok(())
}

fn text(bytes: &[u8]) -> Result<&str, SessionStateError> {
    std::str::from_utf8(bytes).map_err(|_| SessionStateError::NoText)
}

/// Bytes with their length before them.
fn text_bytes<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], SessionStateError> {
    let width = match take(rest, 1)?[0] {
        short @ 0..=250 => return take(rest, usize::from(short)),
        0xFC => 2,
        0xFD => 3,
        0xFE => 8,
        _ => return Err(SessionStateError::Short),
    };
    let mut wide = [0; 8];
    wide[..width].copy_from_slice(take(rest, width)?);
    let length = usize::try_from(u64::from_le_bytes(wide)).map_err(|_| SessionStateError::Short)?;
    take(rest, length)
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], SessionStateError> {
    let (taken, left) = rest
        .split_at_checked(length)
        .ok_or(SessionStateError::Short)?;
    *rest = left;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gtid_is_found_among_other_changes() {
        let mut state = vec![0, 9, 3, b'a', b'b', b'c', 4, b'd', b'e', b'f', b'g'];
        state.extend([1, 5, 4, b'l', b'a', b'b', b's']);
        state.extend([3, 6, 0, 4, b'u', b':', b'2', b'3']);
        state.extend([2, 2, 1, b'1']);
        assert_eq!(gtids(&state), Ok(Some("u:23")));
        assert_eq!(variable(&state, b"ABC"), Ok(Some("defg")));
        assert_eq!(variable(&state, b"other"), Ok(None));
        assert_eq!(gtids(&[]), Ok(None));
    }

    #[test]
    fn long_texts_have_wide_lengths() {
        let name = "x".repeat(300);
        let mut entry = vec![0, 0xFC, 44, 1];
        entry.extend(name.as_bytes());
        let mut state = vec![3, 0xFD, 0, 0, 0];
        state[2..5].copy_from_slice(&u32::try_from(entry.len()).unwrap().to_le_bytes()[..3]);
        state.extend(&entry);
        assert_eq!(gtids(&state), Ok(Some(name.as_str())));
    }

    #[test]
    fn whatever_ends_too_soon_is_an_error_and_no_panic() {
        let whole = [3, 6, 0, 4, b'u', b':', b'2', b'3'];
        for end in 1..whole.len() {
            assert_eq!(
                gtids(&whole[..end]),
                Err(SessionStateError::Short),
                "{end} bytes"
            );
        }
        assert_eq!(
            gtids(&[3, 0xFE, 255, 255, 255, 255, 255, 255, 255, 255]),
            Err(SessionStateError::Short)
        );
        assert_eq!(gtids(&[3, 0xFF]), Err(SessionStateError::Short));
        assert_eq!(gtids(&[3, 3, 0, 1, 0xFF]), Err(SessionStateError::NoText));
    }
}
