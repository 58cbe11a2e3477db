//! Durations as people write them: `250ms`, `5s`, `10m`, `2h`, `1d`, `1h30m`.

use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    #[error("the duration is empty")]
    Empty,
    #[error("`{0}` is not a duration")]
    Form(String),
    #[error("`{text}` has no unit")]
    Unit { text: String },
    #[error("`{0}` is too long a time")]
    TooLong(String),
}

/// Reads a duration.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(DurationError::Empty);
    }
    if trimmed == "0" {
        return Ok(Duration::ZERO);
    }
    let mut total = Duration::ZERO;
    let mut rest = trimmed;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return Err(DurationError::Form(trimmed.into()));
        }
        let (number, after) = rest.split_at(digits);
        let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, next) = after.split_at(letters);
        let millis: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "" => {
                return Err(DurationError::Unit {
                    text: trimmed.into(),
                });
            }
            _ => return Err(DurationError::Form(trimmed.into())),
        };
        let part = number
            .parse::<u64>()
            .ok()
            .and_then(|n| n.checked_mul(millis))
            .ok_or_else(|| DurationError::TooLong(trimmed.into()))?;
        total = total
            .checked_add(Duration::from_millis(part))
            .ok_or_else(|| DurationError::TooLong(trimmed.into()))?;
        rest = next.trim_start();
    }
    Ok(total)
}

/// Writes a duration as [`parse_duration`] reads it, in the two largest units that matter.
pub fn show_duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    if millis == 0 {
        return "0s".into();
    }
    if millis < 1_000 {
        return format!("{millis}ms");
    }
    let seconds = duration.as_secs();
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3_600 % 24, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
    ];
    parts
        .iter()
        .skip_while(|(n, _)| *n == 0)
        .take(2)
        .filter(|(n, _)| *n > 0)
        .map(|(n, unit)| format!("{n}{unit}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_write_them() {
        for (text, millis) in [
            ("250ms", 250),
            ("5s", 5_000),
            ("10m", 600_000),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
            ("1h30m", 5_400_000),
            ("0", 0),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(millis)),
                "{text}"
            );
        }
    }

    #[test]
    fn a_number_without_a_unit_is_refused() {
        assert!(matches!(
            parse_duration("5"),
            Err(DurationError::Unit { .. })
        ));
        assert!(matches!(
            parse_duration("5 parsecs"),
            Err(DurationError::Unit { .. } | DurationError::Form(_))
        ));
        assert!(matches!(
            parse_duration("99999999999999999999d"),
            Err(DurationError::TooLong(_))
        ));
        assert_eq!(parse_duration(" "), Err(DurationError::Empty));
    }

    #[test]
    fn what_is_shown_reads_back() {
        for text in ["250ms", "5s", "1m30s", "10m", "2h", "1d1h", "0s"] {
            assert_eq!(show_duration(parse_duration(text).unwrap()), text);
        }
    }
}
