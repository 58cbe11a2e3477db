//! A page that is drawn again in place, on a terminal.

use std::io::{IsTerminal, Write, stdout};

/// The terminal's page. It takes the screen as it is, and leaves the last page there.
#[derive(Debug, Default)]
pub struct Refresh {
    drawn: bool,
}

impl Refresh {
    /// For a terminal that can be drawn on; none for a pipe.
    pub fn of_terminal() -> Option<Self> {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        (stdout().is_terminal() && !dumb).then(Self::default)
    }

    /// Draws a page over the one before, without a flicker; what does not fit is counted at its foot.
    pub fn draw(&mut self, lines: &[String]) {
        let size = rustix::termios::tcgetwinsize(stdout()).ok();
        let rows = size.map_or(40, |size| usize::from(size.ws_row).max(4));
        let columns = size.map_or(100, |size| usize::from(size.ws_col).max(20));
        let mut out = anstream::stdout().lock();
        let begin = if self.drawn {
            "\x1b[H"
        } else {
            "\x1b[H\x1b[2J"
        };
        self.drawn = true;
        let mut page = begin.to_owned();
        for line in cropped(lines, rows, columns) {
            page.push_str(&line);
            page.push_str("\x1b[K\n");
        }
        page.push_str("\x1b[J");
        // A terminal that is gone ends the process by itself.
        let _ = out.write_all(page.as_bytes());
        let _ = out.flush();
    }
}

/// As many lines as fit; a long line takes several.
fn cropped(lines: &[String], rows: usize, columns: usize) -> Vec<String> {
    let lines: Vec<String> = lines
        .iter()
        .flat_map(|line| line.split('\n'))
        .flat_map(|line| super::wrap(line, columns))
        .collect();
    // The last row stays free for the cursor, the one before for the count.
    if lines.len() < rows {
        return lines;
    }
    let fit = rows - 2;
    let mut shown = lines[..fit].to_vec();
    shown.push(format!("… {} more lines", lines.len() - fit));
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_longer_than_the_terminal_says_how_much_is_left() {
        let lines: Vec<String> = (1..=9).map(|n| format!("line {n}")).collect();
        assert_eq!(cropped(&lines, 10, 80), lines);
        assert_eq!(
            cropped(&lines, 6, 80),
            ["line 1", "line 2", "line 3", "line 4", "… 5 more lines"]
        );
        assert_eq!(cropped(&["a\nb".into()], 10, 80), ["a", "b"]);
    }
}
