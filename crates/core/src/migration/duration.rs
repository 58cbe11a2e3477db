//! Durations as people write them in directives and in the project file: `250ms`, `5s`, `10m`, `2h`, `1d`.

use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration: write a number and a unit, such as `250ms`, `5s`, `10m`, `2h`")]
pub struct DurationError(pub String);

/// A whole or decimal number and one unit: `ms`, `s`, `m`, `h` or `d`.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let error = || DurationError(text.to_owned());
    let unit_at = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .ok_or_else(error)?;
    let (number, unit) = text.split_at(unit_at);
    let millis_per_unit: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(error()),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.len() > 9 || fraction.contains('.') {
        return Err(error());
    }
    let whole: u64 = whole.parse().map_err(|_| error())?;
    let millis = whole.checked_mul(millis_per_unit).ok_or_else(error)?;
    let tail: u64 = fraction.parse().map_err(|_| error())?;
    let nanos = u128::from(tail) * u128::from(millis_per_unit) * 1_000_000
        / 10u128.pow(fraction.len() as u32);
    let nanos = u64::try_from(nanos).map_err(|_| error())?;
    Ok(Duration::from_millis(millis) + Duration::from_nanos(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_a_unit_are_durations() {
        for (text, millis) in [
            ("250ms", 250),
            ("5s", 5_000),
            ("1.5s", 1_500),
            ("10m", 600_000),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
            ("0s", 0),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "5",
            "s",
            "5 s",
            "-1s",
            "1.s",
            ".5s",
            "1.2.3s",
            "5sec",
            "5S",
            "99999999999999999999s",
            "9999999999999999999d",
        ] {
            assert_eq!(parse_duration(text), Err(DurationError(text.to_owned())));
        }
    }
}
