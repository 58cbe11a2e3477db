//! Hides passwords in a project file's text before a line of it is drawn beside a mistake.
//!
//! Knows how passwords are written, not what the file means: it may well be broken.

/// The text with each password's bytes replaced, so that every byte keeps its place.
pub(crate) fn mask(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        for (from, to) in hidden(line) {
            bytes[start + from..start + to].fill(b'*');
        }
        start += line.len();
    }
    // Whole characters are replaced: both ends stand beside ASCII.
    String::from_utf8(bytes).unwrap_or_default()
}

/// Where one line holds passwords: in URLs, in their queries, and under keys that are named for them.
fn hidden(line: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (at, _) in line.match_indices("://") {
        let from = at + 3;
        let token = until(&line[from..], |c| {
            c == '"' || c == '\'' || c.is_whitespace()
        });
        // By the last `@`: a password that holds one, or a slash, is often the mistake itself.
        if let (Some(colon), Some(host)) = (token.find(':'), token.rfind('@'))
            && colon < host
        {
            found.push((from + colon + 1, from + host));
        }
    }
    let lower = line.to_ascii_lowercase();
    for word in ["password", "passwd", "pwd"] {
        for (at, _) in lower.match_indices(word) {
            let mut from = at + word.len();
            let rest = &line[from..];
            // `password = "…"` and `"password":"…"` have blanks and quotes about the sign, a query has none.
            let sign = rest.trim_start_matches([' ', '\t', '"', '\'']);
            let Some(value) = sign.strip_prefix(['=', ':']) else {
                continue;
            };
            let is_query = rest.starts_with('=') && !value.starts_with([' ', '\t', '"', '\'']);
            let value = value.trim_start_matches([' ', '\t']);
            from = line.len() - value.len();
            if is_query {
                let secret = until(value, |c| {
                    c == '&' || c == '"' || c == '\'' || c.is_whitespace()
                });
                found.push((from, from + secret.len()));
            } else if let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\'')) {
                let secret = value[1..].rfind(quote).map_or_else(
                    || value[1..].trim_end_matches(['\r', '\n']),
                    |end| &value[1..=end],
                );
                found.push((from + 1, from + 1 + secret.len()));
            }
        }
    }
    found
}

fn until(text: &str, ends: impl Fn(char) -> bool) -> &str {
    text.find(ends).map_or(text, |end| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[test]
    fn a_password_is_masked_wherever_it_is_written() {
        for line in [
            "primary = \"postgres://me:hunter2@h/x\"",
            "primry = 'postgres://me:hunter2@h/x'",
            "primary = \"postgres://me:hunter2@h/x",
            "primary = \"postgres://me:hun/hunter2@ter@h/x\"",
            "primary = \"postgres://h/x?user=me&password=hunter2&sslmode=require\"",
            "password = \"hunter2\"",
            "password='hunter2'",
            "password = \"hunter2",
            "replicas = [\"mysql://me:hunter2@h/x\", \"mysql://me:hunter2@i/x\"]",
        ] {
            let text = format!("[[shard]]\nname = \"ä\"\n{line}\nhost = \"rack\"\n");
            let masked = mask(&text);
            assert!(!masked.contains("hunter2"), "{masked}");
            assert_eq!(masked.len(), text.len());
            assert!(masked.contains("host = \"rack\""), "{masked}");
        }
    }

    #[test]
    fn a_password_of_many_letters_keeps_the_text_whole() {
        let masked = mask("primary = \"postgres://me:pässwörd@h/x\" # done");
        assert!(!masked.contains("pässwörd"));
        assert!(masked.ends_with("@h/x\" # done"), "{masked}");
    }

    #[test]
    fn what_is_no_password_stays_as_it_is() {
        for text in [
            "password = { env = \"EU1_PASSWORD\" }",
            "primary = \"postgres://greylag@10.0.0.1:5432/orders\"",
            "http = \"http://127.0.0.1:9090/ok\"",
            "name = \"a\"",
        ] {
            assert_eq!(mask(text), text);
        }
    }
}
