//! What may stand between statements, written apart from the splitter so that the two can disagree.

use greylag_core::engine::Dialect;

/// Walks over the gaps of one text, in order.
#[derive(Debug)]
pub(super) struct Filler {
    dialect: Dialect,
    delimiter: String,
}

impl Filler {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            delimiter: ";".to_owned(),
        }
    }

    /// What of a gap is neither blank nor comment, delimiter or line of the client; empty if nothing is.
    pub(super) fn strip<'a>(&mut self, gap: &'a str) -> &'a str {
        let mut rest = gap;
        loop {
            rest = rest.trim_start_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}', '\u{feff}']);
            let Some(next) = self
                .delimiter(rest)
                .or_else(|| self.comment(rest))
                .or_else(|| self.command(rest))
            else {
                return rest;
            };
            rest = next;
        }
    }

    fn delimiter<'a>(&self, rest: &'a str) -> Option<&'a str> {
        let next = rest.strip_prefix(self.delimiter.as_str())?;
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$' || !c.is_ascii();
        let letters = self.delimiter.chars().all(|c| c.is_ascii_alphanumeric());
        (!letters || !next.starts_with(is_word)).then_some(next)
    }

    fn comment<'a>(&self, rest: &'a str) -> Option<&'a str> {
        let line_end: &[char] = match self.dialect {
            Dialect::Postgres => &['\n', '\r'],
            Dialect::Mysql | Dialect::Sqlite => &['\n'],
        };
        let line = |rest: &'a str| &rest[rest.find(line_end).unwrap_or(rest.len())..];
        if let Some(behind) = rest.strip_prefix("--") {
            let begins = self.dialect != Dialect::Mysql
                || behind
                    .chars()
                    .next()
                    .is_none_or(|c| c.is_ascii_whitespace() || c.is_ascii_control());
            return begins.then(|| line(rest));
        }
        if self.dialect == Dialect::Mysql && rest.starts_with('#') {
            return Some(line(rest));
        }
        let body = rest.strip_prefix("/*")?;
        match self.dialect {
            Dialect::Mysql if body.starts_with('!') || body.starts_with("M!") => None,
            Dialect::Postgres => nested(body),
            Dialect::Mysql | Dialect::Sqlite => body.split_once("*/").map(|(_, behind)| behind),
        }
    }

    /// DELIMITER, `\restrict`.
    fn command<'a>(&mut self, rest: &'a str) -> Option<&'a str> {
        let line = &rest[..rest.find(['\n', '\r']).unwrap_or(rest.len())];
        let word = line.split([' ', '\t', ';']).next().unwrap_or_default();
        match self.dialect {
            Dialect::Postgres if matches!(word, "\\restrict" | "\\unrestrict") => {
                Some(&rest[line.len()..])
            }
            Dialect::Mysql => {
                let head = line
                    .get(..9)
                    .filter(|head| head.eq_ignore_ascii_case("delimiter"))?;
                self.delimiter = line[head.len()..].split_whitespace().next()?.to_owned();
                Some(&rest[line.len()..])
            }
            _ => None,
        }
    }
}

/// Behind the end of a comment in which others may lie.
fn nested(mut body: &str) -> Option<&str> {
    let mut depth = 1;
    loop {
        let at = body.find(['*', '/'])?;
        body = &body[at..];
        if let Some(rest) = body.strip_prefix("*/") {
            body = rest;
            depth -= 1;
            if depth == 0 {
                return Some(body);
            }
        } else if let Some(rest) = body.strip_prefix("/*") {
            body = rest;
            depth += 1;
        } else {
            body = &body[1..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_comments_and_delimiters_are_filler_and_nothing_else_is() {
        let strip = |dialect, gap| Filler::new(dialect).strip(gap).to_owned();
        assert_eq!(
            strip(
                Dialect::Postgres,
                " ;-- a; b\r/* /* x */ ' */;\n\\restrict x\n"
            ),
            ""
        );
        assert_eq!(strip(Dialect::Postgres, "/* x */ */"), "*/");
        assert_eq!(strip(Dialect::Postgres, "-- a\n SELECT"), "SELECT");
        assert_eq!(strip(Dialect::Mysql, "# a\n-- b\n;"), "");
        assert_eq!(strip(Dialect::Mysql, "--b\n"), "--b\n");
        assert_eq!(strip(Dialect::Mysql, "/*! b */"), "/*! b */");
        assert_eq!(strip(Dialect::Mysql, "delimiter //\n// ;"), ";");
        assert_eq!(strip(Dialect::Sqlite, "-- a\r still\n/* /* */"), "");
        assert_eq!(strip(Dialect::Sqlite, "# a"), "# a");
    }
}
