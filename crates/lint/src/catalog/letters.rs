//! How MySQL stores and compares text: character sets and collations, a column's own or its table's.
//!
//! Knows no server: what a table doesn't say is the database's, and isn't known here.

/// MySQL's and MariaDB's character sets, and the bytes of their longest letter.
const CHARSETS: &[(&str, u32)] = &[
    ("utf8mb4", 4),
    ("utf8mb3", 3),
    ("latin1", 1),
    ("latin2", 1),
    ("latin5", 1),
    ("latin7", 1),
    ("ascii", 1),
    ("binary", 1),
    ("ucs2", 2),
    ("utf16", 4),
    ("utf16le", 4),
    ("utf32", 4),
    ("big5", 2),
    ("gbk", 2),
    ("gb2312", 2),
    ("gb18030", 4),
    ("sjis", 2),
    ("cp932", 2),
    ("ujis", 3),
    ("eucjpms", 3),
    ("euckr", 2),
    ("tis620", 1),
    ("greek", 1),
    ("hebrew", 1),
    ("koi8r", 1),
    ("koi8u", 1),
    ("cp850", 1),
    ("cp1250", 1),
    ("cp1251", 1),
    ("cp1256", 1),
    ("cp1257", 1),
];

/// A character set and a collation; none: what nobody wrote down, or the usual collation of the character set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Letters {
    pub(crate) charset: Option<String>,
    pub(crate) collation: Option<String>,
}

impl Letters {
    /// As they are written. A collation says its character set, too.
    pub(crate) fn of(charset: Option<&str>, collation: Option<&str>) -> Letters {
        let collation = collation.map(|name| match name.strip_prefix("utf8_") {
            Some(rest) => format!("utf8mb3_{rest}"),
            None => name.to_owned(),
        });
        let of_collation = collation.as_deref().and_then(charset_of);
        let charset = charset.map(|name| if name == "utf8" { "utf8mb3" } else { name });
        Letters {
            charset: of_collation.or(charset).map(str::to_owned),
            collation,
        }
    }

    /// Of a table's options, in capitals and without blanks.
    pub(crate) fn of_options(options: &[String]) -> Letters {
        let value = |names: &[&str]| {
            options.iter().rev().find_map(|option| {
                let option = option.strip_prefix("DEFAULT").unwrap_or(option);
                let value = names.iter().find_map(|name| option.strip_prefix(name))?;
                let value = value.strip_prefix('=').unwrap_or(value);
                Some(value.trim_matches(['\'', '"', '`']).to_lowercase())
            })
        };
        let charset = value(&["CHARACTERSET", "CHARSET"]);
        Letters::of(charset.as_deref(), value(&["COLLATE"]).as_deref())
    }

    /// Nothing is written.
    pub(crate) fn is_unsaid(&self) -> bool {
        self.charset.is_none() && self.collation.is_none()
    }

    /// These, or those of the table where none are written.
    pub(crate) fn or(self, table: &Letters) -> Letters {
        match self.is_unsaid() {
            true => table.clone(),
            false => self,
        }
    }
}

/// The bytes of a character set's longest letter.
pub(crate) fn bytes_of(charset: &str) -> Option<u32> {
    let mut all = CHARSETS.iter();
    all.find(|(name, _)| *name == charset)
        .map(|(_, bytes)| *bytes)
}

/// A character set that databases have without being told to.
pub(crate) fn is_usual(charset: &str) -> bool {
    matches!(charset, "utf8mb4" | "utf8mb3" | "latin1")
}

fn charset_of(collation: &str) -> Option<&'static str> {
    // MariaDB's newest are of utf8mb4 where they don't say of which.
    let prefix = collation.split('_').next()?;
    let prefix = if prefix == "uca1400" {
        "utf8mb4"
    } else {
        prefix
    };
    let mut all = CHARSETS.iter();
    all.find(|(name, _)| *name == prefix).map(|(name, _)| *name)
}
