//! What SQLite's own library says about where a statement ends.
#![allow(unsafe_code)]

use rusqlite::ffi;
use std::ffi::CString;

/// Whether the library takes a text for whole statements. None if it can't be asked.
pub(super) fn is_complete(text: &str) -> Option<bool> {
    let text = CString::new(text).ok()?;
    // SAFETY: the text ends with a NUL and outlives the call, which only reads it.
    match unsafe { ffi::sqlite3_complete(text.as_ptr()) } {
        0 => Some(false),
        1 => Some(true),
        // Out of memory.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::is_complete;

    #[test]
    fn the_library_waits_for_the_end_of_a_trigger() {
        let trigger = "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1;";
        assert_eq!(is_complete("SELECT 1;"), Some(true));
        assert_eq!(is_complete("SELECT 1"), Some(false));
        assert_eq!(is_complete(trigger), Some(false));
        assert_eq!(is_complete(&format!("{trigger} END;")), Some(true));
        assert_eq!(is_complete("SELECT '\0';"), None);
    }
}
