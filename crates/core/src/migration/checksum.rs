//! Flyway's checksum: CRC-32 of the lines' UTF-8 bytes, without what ends them.

/// Of a file's text, with or without its byte order mark; one U+FEFF at the very start does not count.
pub fn flyway_checksum(text: &str) -> i32 {
    checksum_of_lines(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// Of a text that has lost its byte order mark already.
pub(super) fn checksum_of_lines(text: &str) -> i32 {
    let mut crc = crc32fast::Hasher::new();
    for line in text.as_bytes().split(|byte| matches!(byte, b'\n' | b'\r')) {
        crc.update(line);
    }
    crc.finalize() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_text_has_the_checksum_zero() {
        assert_eq!(flyway_checksum(""), 0);
        assert_eq!(flyway_checksum("\u{feff}\r\n\n"), 0);
    }

    #[test]
    fn line_ends_do_not_count_but_other_blanks_do() {
        let plain = flyway_checksum("a\nb\n");
        assert_eq!(flyway_checksum("a\r\nb"), plain);
        assert_eq!(flyway_checksum("a\rb"), plain);
        assert_eq!(flyway_checksum("\u{feff}ab"), plain);
        assert_ne!(flyway_checksum("a \nb"), plain);
        assert_ne!(flyway_checksum("\u{feff}\u{feff}ab"), plain);
    }
}
