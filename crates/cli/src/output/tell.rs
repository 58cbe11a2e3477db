//! Small pieces of sentences.

/// `1 shard`, `24 shards`.
pub fn count(n: usize, one: &str) -> String {
    match n {
        1 => format!("1 {one}"),
        n if one.ends_with('y') => format!("{n} {}ies", &one[..one.len() - 1]),
        n => format!("{n} {one}s"),
    }
}

/// A table without the blanks that fill its last column.
pub fn trimmed(table: &impl std::fmt::Display) -> String {
    let drawn = table.to_string();
    let lines: Vec<_> = drawn.lines().map(str::trim_end).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular_and_the_rest_plural() {
        assert_eq!(count(1, "shard"), "1 shard");
        assert_eq!(count(0, "shard"), "0 shards");
        assert_eq!(count(2, "query"), "2 queries");
    }
}
