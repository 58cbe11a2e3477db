//! Names and texts as PostgreSQL reads them.

/// A name in double quotes.
pub fn ident(name: &str) -> String {
    if !name.contains('"') {
        return ["\"", name, "\""].concat();
    }
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text literal, read the same whatever `standard_conforming_strings` says.
pub fn literal(text: &str) -> String {
    if !text.bytes().any(|byte| matches!(byte, 0 | b'\'' | b'\\')) {
        return ["'", text, "'"].concat();
    }
    // A NUL can't be in any text of the server's.
    let quoted = text.replace('\0', "").replace('\'', "''");
    if quoted.contains('\\') {
        format!("E'{}'", quoted.replace('\\', "\\\\"))
    } else {
        format!("'{quoted}'")
    }
}

/// A text literal, or NULL.
pub fn nullable(text: Option<&str>) -> String {
    text.map_or_else(|| "NULL".into(), literal)
}

/// A value of a startup option (`-c name=value`), where blanks and backslashes separate.
pub fn option(value: &str) -> String {
    let mut quoted = String::with_capacity(value.len());
    for c in value.chars() {
        if c.is_whitespace() || c == '\\' {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_can_not_end_a_literal() {
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal(r"a\'b"), r"E'a\\''b'");
        assert_eq!(ident("a\"b"), "\"a\"\"b\"");
        assert_eq!(nullable(None), "NULL");
    }

    #[test]
    fn blanks_in_a_startup_option_are_kept_in_its_value() {
        assert_eq!(option("\"my schema\""), "\"my\\ schema\"");
    }
}
