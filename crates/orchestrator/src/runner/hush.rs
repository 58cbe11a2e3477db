//! Takes the password out of what a tool says, however the tool spells it.
//!
//! Knows nothing of other secrets: what is on a project's own command lines is the project's to hide.

use greylag_engines::TableChange;
use std::fmt::Write;

/// Longest line that is kept, in characters.
const LONGEST: usize = 2000;

/// The spellings of one password.
pub struct Hush {
    spellings: Vec<String>,
}

impl Hush {
    pub fn of(change: &TableChange) -> Hush {
        let access = &change.access;
        let password = access.password.as_ref().map(|p| p.expose());
        let password = password.filter(|word| {
            // A word that stands in its own names anyway is no secret worth hiding them for.
            !change.schema.contains(word) && !change.table.contains(word) && access.user != **word
        });
        let mut spellings = password.map(spellings).unwrap_or_default();
        spellings.retain(|text| !text.is_empty());
        // The longest first: a part of it may be another spelling.
        spellings.sort_by(|a, b| b.len().cmp(&a.len()).then(a.cmp(b)));
        spellings.dedup();
        Hush { spellings }
    }

    /// A line as it may be told.
    pub fn line(&self, line: &str) -> String {
        let mut line = line.to_owned();
        for spelling in &self.spellings {
            line = line.replace(spelling.as_str(), "…");
        }
        match line.char_indices().nth(LONGEST) {
            Some((at, _)) => line[..at].to_owned(),
            None => line,
        }
    }
}

/// As it is; as option files, SQL, shells and programs quote it; as URLs have it.
fn spellings(password: &str) -> Vec<String> {
    let escaped = |marks: &[char]| {
        let mut text = String::new();
        for c in password.chars() {
            if marks.contains(&c) {
                text.push('\\');
            }
            text.push(c);
        }
        text
    };
    let mut found = vec![
        password.to_owned(),
        escaped(&['\\', '"']),
        escaped(&['\\', '\'']),
        escaped(&['\\', '"', '\'']),
        password.replace('\'', "''"),
        password.replace('"', "\"\""),
        password.replace('\'', "'\\''"),
        percent_encoded(password, &[]),
        percent_encoded(password, b"!$&'()*+,;=:"),
    ];
    // A line break in it makes lines of its parts.
    found.extend(password.lines().map(|part| part.trim().to_owned()));
    found
}

fn percent_encoded(text: &str, kept: &[u8]) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || kept.contains(&byte) {
            encoded.push(byte as char);
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use greylag_engines::{Access, Secret};

    fn change(password: &str) -> TableChange {
        TableChange {
            access: Access {
                host: "10.0.0.1".into(),
                port: 3306,
                socket: None,
                user: "greylag".into(),
                password: Some(Secret::new(password)),
                tls: None,
            },
            schema: "shop".into(),
            table: "orders".into(),
            alter: "ADD c int".into(),
            mark: "gl01ab23".into(),
            new_table: None,
            lock_timeout_seconds: 2,
            settings: &[],
        }
    }

    #[test]
    fn no_spelling_of_the_password_is_told() {
        let hush = Hush::of(&change("p\"a's\\s w@rd/1"));
        for said in [
            "password=p\"a's\\s w@rd/1;",
            "password=\"p\\\"a's\\\\s w@rd/1\"",
            "IDENTIFIED BY 'p\"a''s\\s w@rd/1'",
            "mysql://greylag:p%22a%27s%5Cs%20w%40rd%2F1@10.0.0.1/shop",
            "mysql://greylag:p%22a's%5Cs%20w%40rd%2F1@10.0.0.1/shop",
        ] {
            let told = hush.line(said);
            assert!(told.contains('…'), "{told}");
            assert!(!told.contains("rd/1") && !told.contains("rd%2F1"), "{told}");
        }
        let hush = Hush::of(&change("first half\nsecond half"));
        assert_eq!(hush.line("it says second half here"), "it says … here");
    }

    #[test]
    fn names_are_told_though_they_are_the_password() {
        assert_eq!(
            Hush::of(&change("shop")).line("ALTER `shop`"),
            "ALTER `shop`"
        );
        assert_eq!(Hush::of(&change("")).line("ALTER"), "ALTER");
        assert_eq!(
            Hush::of(&change("x1"))
                .line(&"ä".repeat(3000))
                .chars()
                .count(),
            2000
        );
    }
}
