//! Where an SQLite shard is: the path and the mode that its URL names.
//!
//! Understands `sqlite:shards/a.db`, `sqlite:/srv/a.db`, `sqlite:///srv/a.db` and `sqlite://shards/a.db`. Touches no file.

use std::path::PathBuf;
use url::Url;

/// A file, and how it may be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Location {
    pub path: PathBuf,
    pub mode: Mode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// `?mode=ro`
    Read,
    /// `?mode=rw`, the default: a missing file is an error, for a shard that vanished must not come back empty.
    Write,
    /// `?mode=rwc`
    Create,
}

impl Location {
    /// Reads a shard's URL; the error is a sentence.
    pub fn of(url: &Url) -> Result<Location, String> {
        if !url.username().is_empty() || url.password().is_some() || url.port().is_some() {
            return Err(
                "an SQLite URL names a file: no user, password or port belongs in it".into(),
            );
        }
        let host = url.host_str().unwrap_or_default();
        let written = decode(&format!("{host}{}", url.path()))?;
        if written.is_empty() {
            return Err("it names no file; write sqlite:path/to/file.db".into());
        }
        if written == ":memory:" {
            return Err("a database in memory is gone with its connection; name a file".into());
        }
        if written.contains('\0') {
            return Err("the path has a NUL character in it".into());
        }
        Ok(Location {
            path: PathBuf::from(written),
            mode: mode(url)?,
        })
    }
}

fn mode(url: &Url) -> Result<Mode, String> {
    let mut mode = Mode::Write;
    for (key, value) in url.query_pairs() {
        mode = match (key.as_ref(), value.as_ref()) {
            ("mode", "ro") => Mode::Read,
            ("mode", "rw") => Mode::Write,
            ("mode", "rwc") => Mode::Create,
            ("mode", other) => {
                return Err(format!("mode={other} is unknown; ro, rw and rwc are known"));
            }
            (other, _) => {
                return Err(format!(
                    "the option `{other}` is unknown; `mode` is the only one"
                ));
            }
        };
    }
    Ok(mode)
}

fn decode(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = (rest.next(), rest.next());
        let decoded = match digits {
            (Some(high), Some(low)) => hex(high).zip(hex(low)).map(|(h, l)| h * 16 + l),
            _ => None,
        };
        bytes.push(decoded.ok_or("a `%` in the path must be written `%25`")?);
    }
    String::from_utf8(bytes).map_err(|_| "the path is not UTF-8".into())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str) -> Result<Location, String> {
        Location::of(&Url::parse(url).unwrap())
    }

    fn path(url: &str) -> String {
        of(url).unwrap().path.to_str().unwrap().to_owned()
    }

    #[test]
    fn relative_and_absolute_paths_are_read_as_written() {
        assert_eq!(path("sqlite:shards/a.db"), "shards/a.db");
        assert_eq!(path("sqlite:./a.db"), "./a.db");
        assert_eq!(path("sqlite:/srv/a.db"), "/srv/a.db");
        assert_eq!(path("sqlite:///srv/a.db"), "/srv/a.db");
        assert_eq!(path("sqlite://shards/A.db"), "shards/A.db");
        assert_eq!(path("sqlite:a%20b%25.db"), "a b%.db");
        assert_eq!(path("sqlite:Größe.db"), "Größe.db");
    }

    #[test]
    fn the_mode_is_read_and_write_unless_the_url_says_otherwise() {
        assert_eq!(of("sqlite:a.db").unwrap().mode, Mode::Write);
        assert_eq!(of("sqlite:a.db?mode=ro").unwrap().mode, Mode::Read);
        assert_eq!(of("sqlite:a.db?mode=rwc").unwrap().mode, Mode::Create);
        assert!(
            of("sqlite:a.db?mode=x")
                .unwrap_err()
                .contains("ro, rw and rwc")
        );
        assert!(
            of("sqlite:a.db?cache=shared")
                .unwrap_err()
                .contains("`cache`")
        );
    }

    #[test]
    fn what_names_no_file_is_refused() {
        assert!(of("sqlite:").unwrap_err().contains("no file"));
        assert!(of("sqlite::memory:").unwrap_err().contains("memory"));
        assert!(of("sqlite://u:p@h/a.db").unwrap_err().contains("user"));
        assert!(of("sqlite:a%zz.db").unwrap_err().contains("%25"));
    }
}
