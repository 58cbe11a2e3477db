//! The first words of a statement, and the names among them, as they are written.
//!
//! Enough to see what a statement is about; no grammar.

/// Words, quoted names with their quotes, and single signs; comments left out, strings as one token.
pub fn tokens(sql: &str, most: usize) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = sql;
    while tokens.len() < most {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else {
            break;
        };
        if let Some(comment) = rest.strip_prefix("--") {
            rest = comment.split_once('\n').map_or("", |(_, rest)| rest);
            continue;
        }
        if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").map_or("", |(_, rest)| rest);
            continue;
        }
        let length = match first {
            '"' | '\'' => quoted(rest, first),
            c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        tokens.push(&rest[..length]);
        rest = &rest[length..];
    }
    tokens
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

/// The length of a quoted token, doubled quotes within it.
fn quoted(text: &str, quote: char) -> usize {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == quote {
            match chars.peek() {
                Some((_, next)) if *next == quote => {
                    chars.next();
                }
                _ => return at + 1,
            }
        }
    }
    text.len()
}

/// Reads a token stream from left to right.
#[derive(Clone, Copy)]
pub struct Reader<'a>(pub &'a [&'a str]);

impl<'a> Reader<'a> {
    /// Passes over these words, in any case, if they are next.
    pub fn eat(&mut self, words: &[&str]) -> bool {
        let next = self.0.get(..words.len()).is_some_and(|next| {
            next.iter()
                .zip(words)
                .all(|(token, word)| token.eq_ignore_ascii_case(word))
        });
        if next {
            self.0 = &self.0[words.len()..];
        }
        next
    }

    /// A name with its schema, as written.
    pub fn name(&mut self) -> Option<String> {
        let mut name = String::new();
        loop {
            let token = self.0.first()?;
            if !token.starts_with(|c: char| is_word(c) || c == '"') {
                return None;
            }
            name.push_str(token);
            self.0 = &self.0[1..];
            if self.0.first() != Some(&".") {
                return Some(name);
            }
            name.push('.');
            self.0 = &self.0[1..];
        }
    }

    pub fn peek(&self) -> &'a str {
        self.0.first().copied().unwrap_or("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_as_they_are_written() {
        let found = tokens("-- x\nCREATE /* y */ INDEX ON \"my \"\"t\".b(c);", 20);
        assert_eq!(
            found,
            [
                "CREATE",
                "INDEX",
                "ON",
                "\"my \"\"t\"",
                ".",
                "b",
                "(",
                "c",
                ")",
                ";"
            ]
        );
        let mut reader = Reader(&found);
        assert!(reader.eat(&["create", "index"]) && reader.eat(&["on"]));
        assert_eq!(reader.name().as_deref(), Some("\"my \"\"t\".b"));
        assert_eq!(reader.name(), None);
    }
}
