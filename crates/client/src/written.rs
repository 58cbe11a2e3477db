//! Where somebody wrote, as text to carry: in a cookie, a header, a job's payload.

use greylag_core::position::{Position, PositionError};
use std::{collections::BTreeMap, fmt, str::FromStr};

/// For each shard that somebody wrote to, the position to wait for there.
///
/// As text it holds only characters that a cookie or a header may hold: `eu-7@wal:7391/1/0/16B3748`, several shards joined by
/// `!`. Let the cookie end a few minutes later, or drop a shard with [`Written::forget`] once
/// [`Tracker::everywhere`](crate::Tracker::everywhere) says so: on MySQL the text grows with each write of one's own.
///
/// It is no secret, and no proof: who forges one can only make their own reads older or slower.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    shards: BTreeMap<String, Position>,
}

/// Why a text does not say where somebody wrote. The primary is the place to read then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrittenError {
    /// An entry has no shard.
    #[error("`{0}` does not say where somebody wrote: `SHARD@POSITION` is expected")]
    Shape(String),
    /// A `%` is not followed by two hexadecimal digits, or what they spell is no text.
    #[error("`{0}` has an escape that spells nothing")]
    Escape(String),
    /// The position of a shard can't be read.
    #[error("the position for shard `{shard}` can't be read")]
    Position {
        /// Whose.
        shard: String,
        /// Why.
        #[source]
        source: PositionError,
    },
}

impl Written {
    /// There was a write to this shard, up to this position, on top of those before.
    pub fn note(&mut self, shard: &str, position: Position) {
        let joined = match self.shards.get(shard) {
            // Not comparable: a failover came between, and the newer write is what can still be waited for.
            Some(before) => before.join(&position).unwrap_or(position),
            None => position,
        };
        self.shards.insert(shard.to_owned(), joined);
    }

    /// What to wait for on a shard; none where nothing was written.
    pub fn at(&self, shard: &str) -> Option<&Position> {
        self.shards.get(shard)
    }

    /// Nothing is to be waited for on this shard any more.
    pub fn forget(&mut self, shard: &str) {
        self.shards.remove(shard);
    }

    /// All of it.
    pub fn shards(&self) -> impl Iterator<Item = (&str, &Position)> {
        self.shards
            .iter()
            .map(|(shard, position)| (shard.as_str(), position))
    }

    /// Whether there is nothing to carry.
    pub fn is_empty(&self) -> bool {
        self.shards.is_empty()
    }
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (shard, position)) in self.shards.iter().enumerate() {
            let joint = if at > 0 { "!" } else { "" };
            write!(
                f,
                "{joint}{}@{}",
                escaped(shard),
                escaped(&position.to_string())
            )?;
        }
        Ok(())
    }
}

impl FromStr for Written {
    type Err = WrittenError;

    fn from_str(text: &str) -> Result<Self, WrittenError> {
        let mut written = Written::default();
        for entry in text.split('!').filter(|entry| !entry.is_empty()) {
            let (shard, position) = entry
                .split_once('@')
                .ok_or_else(|| WrittenError::Shape(entry.to_owned()))?;
            let plain =
                |text| unescaped(text).ok_or_else(|| WrittenError::Escape(entry.to_owned()));
            let (shard, position) = (plain(shard)?, plain(position)?);
            let position = position.parse().map_err(|source| WrittenError::Position {
                shard: shard.clone(),
                source,
            })?;
            written.note(&shard, position);
        }
        Ok(written)
    }
}

/// Everything but what is plain in cookies, headers and URLs, and no sign of our own, as `%2C`.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b':' | b'/' => {
                out.push(char::from(byte));
            }
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn unescaped(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let value = digit(bytes.next())? * 16 + digit(bytes.next())?;
                u8::try_from(value).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
    const B: &str = "aaaaaaaa-71ca-11e1-9e33-c80aa9429562";

    #[test]
    fn what_was_written_is_read_back_from_a_cookie() {
        let mut written = Written::default();
        written.note("eu-7", "wal:7391/1/0/16B3748".parse().unwrap());
        written.note(
            "größe=1@x:ü",
            format!("gtid:{A}:5,{B}:tag:1-3").parse().unwrap(),
        );
        written.note("us", "domains:0-1-84,7-2-3".parse().unwrap());
        written.note("!odd%,;", "file:s;\"/bin 1,2.000003/9".parse().unwrap());
        let text = written.to_string();
        assert!(
            text.bytes()
                .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\')),
            "{text}"
        );
        assert_eq!(text.parse(), Ok(written));
        assert_eq!("".parse(), Ok(Written::default()));
    }

    #[test]
    fn a_second_write_adds_to_the_first() {
        let mut written = Written::default();
        written.note("m", format!("gtid:{A}:5").parse().unwrap());
        written.note("m", format!("gtid:{A}:7").parse().unwrap());
        assert_eq!(
            written.at("m").unwrap().to_string(),
            format!("gtid:{A}:5:7")
        );
        // A slow request must not take back what a quick one noted.
        written.note("p", "wal:7/1/0/200".parse().unwrap());
        written.note("p", "wal:7/1/0/100".parse().unwrap());
        assert_eq!(written.at("p").unwrap().to_string(), "wal:7/1/0/200");
        written.note("p", "wal:7/2/0/100".parse().unwrap());
        assert_eq!(written.at("p").unwrap().to_string(), "wal:7/2/0/100");
        written.forget("p");
        assert_eq!(written.at("p"), None);
    }

    #[test]
    fn a_text_that_says_nothing_is_an_error() {
        let wrong = |text: &str| text.parse::<Written>().unwrap_err();
        assert_eq!(
            wrong("wal:7/1/0/1").to_string(),
            "`wal:7/1/0/1` does not say where somebody wrote: `SHARD@POSITION` is expected"
        );
        assert!(matches!(wrong("a%2@wal:7/1/0/1"), WrittenError::Escape(_)));
        assert!(matches!(wrong("a%FF@wal:7/1/0/1"), WrittenError::Escape(_)));
        assert_eq!(
            wrong("eu-7@0/1").to_string(),
            "the position for shard `eu-7` can't be read"
        );
    }
}
