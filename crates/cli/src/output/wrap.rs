//! Long lines, cut where words end. Colours cost no width.

/// The line in parts no wider than `width`; further parts are indented as the first one is, and a little more.
pub fn wrap(line: &str, width: usize) -> Vec<String> {
    let blanks = line.chars().take_while(|c| *c == ' ').count();
    let indent = " ".repeat((blanks + 4).min(width / 2));
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut used = 0;
    for word in line.split_inclusive(' ') {
        let wide = visible(word);
        if used > 0 && used + visible(word.trim_end()) > width {
            parts.push(part.trim_end().to_owned());
            part = indent.clone();
            used = indent.len();
        }
        part.push_str(word);
        used += wide;
    }
    parts.push(part.trim_end().to_owned());
    parts
}

/// How many columns a text takes: escape sequences take none.
fn visible(text: &str) -> usize {
    let mut count = 0;
    let mut escaped = false;
    for c in text.chars() {
        match (escaped, c) {
            (false, '\u{1b}') => escaped = true,
            (false, _) => count += 1,
            (true, c) if c.is_ascii_alphabetic() => escaped = false,
            (true, _) => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_cut_between_words_and_colours_cost_nothing() {
        assert_eq!(wrap("short", 20), ["short"]);
        assert_eq!(
            wrap("  one two three four five six", 15),
            ["  one two three", "      four five", "      six"]
        );
        let painted = "\u{1b}[31mred\u{1b}[0m and blue";
        assert_eq!(wrap(painted, 12), [painted]);
    }
}
