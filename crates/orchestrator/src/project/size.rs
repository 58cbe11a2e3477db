//! Sizes in bytes, as people write them.

/// Reads `512MB`, `1.5 GB` or `4096` (bytes); units are powers of 1024, as servers count log.
pub fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let cut = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(cut);
    let power = match unit.trim().to_ascii_uppercase().as_str() {
        "" | "B" => 0,
        "KB" | "KIB" => 1,
        "MB" | "MIB" => 2,
        "GB" | "GIB" => 3,
        "TB" | "TIB" => 4,
        _ => return None,
    };
    let number: f64 = number.parse().ok()?;
    let bytes = number * 1024_f64.powi(power);
    (bytes.is_finite() && bytes < u64::MAX as f64).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::parse_size;

    #[test]
    fn sizes_are_read_with_their_unit_and_nothing_else() {
        assert_eq!(parse_size("4096"), Some(4096));
        assert_eq!(parse_size("512MB"), Some(512 << 20));
        assert_eq!(parse_size("1.5 GB"), Some(3 << 29));
        for wrong in ["", "MB", "5 apples", "-1GB", "1.2.3KB"] {
            assert_eq!(parse_size(wrong), None, "{wrong}");
        }
    }
}
