//! Names and texts as MySQL and MariaDB read them under any `sql_mode`.

use std::fmt::Write;

/// A name in backticks, which ANSI_QUOTES does not touch.
pub fn name(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A text literal by its bytes: read the same under NO_BACKSLASH_ESCAPES, ANSI_QUOTES and any character set that a file
/// has set for its own statements.
pub fn text(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() * 2 + 12);
    literal.push_str("_utf8mb4 x'");
    for byte in text.bytes() {
        let _ = write!(literal, "{byte:02x}");
    }
    literal.push('\'');
    literal
}

/// A schema as a text; the current one where none is named.
pub fn schema(schema: Option<&str>) -> String {
    schema.map_or_else(|| "DATABASE()".into(), text)
}

/// A text literal, or NULL.
pub fn nullable(value: Option<&str>) -> String {
    value.map_or_else(|| "NULL".into(), text)
}

/// A number, or NULL.
pub fn number<N: std::fmt::Display>(value: Option<N>) -> String {
    value.map_or_else(|| "NULL".into(), |n| n.to_string())
}

/// A text shortened to so many characters, with dots for the rest.
pub fn shorten(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let kept: String = text.chars().take(limit.saturating_sub(3)).collect();
    format!("{kept}...")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_backticks() {
        assert_eq!(name("a`b"), "`a``b`");
    }

    #[test]
    fn a_text_is_told_by_its_bytes() {
        assert_eq!(text("a'\\ß"), "_utf8mb4 x'61275cc39f'");
        assert_eq!(nullable(None), "NULL");
    }

    #[test]
    fn a_long_text_is_cut_with_dots() {
        assert_eq!(shorten("abcdefgh", 6), "abc...");
        assert_eq!(shorten("abc", 3), "abc");
    }
}
