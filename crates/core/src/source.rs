//! A text as it runs, and where each byte of it stands in the file on disk.
//!
//! Knows nothing of SQL. Placeholders make a text differ from its file; places in messages are always the file's.

use std::{fmt, ops::Range, sync::Arc};

/// A text, with the way back to the file that it came from.
#[derive(Clone, PartialEq, Eq)]
pub struct Source {
    text: Arc<str>,
    file: Arc<str>,
    edits: Arc<[Edit]>,
    /// Where each line of the file begins, in bytes.
    lines: Arc<[usize]>,
}

/// A stretch of the file that was replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Edit {
    pub(crate) text: Range<usize>,
    pub(crate) file: Range<usize>,
}

/// A place in a file: what a message needs to point at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
}

impl Source {
    pub(crate) fn edited(text: Arc<str>, file: Arc<str>, edits: Vec<Edit>) -> Self {
        let lines = line_starts(&file).into();
        Self {
            text,
            file,
            edits: edits.into(),
            lines,
        }
    }

    /// The text as it runs.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// The text as it stands in the file.
    pub fn file(&self) -> &Arc<str> {
        &self.file
    }

    /// The file's byte that a byte of the text came from; of a replaced stretch, the first byte of what it replaced.
    pub fn file_offset(&self, offset: usize) -> usize {
        let before = self.edits.partition_point(|edit| edit.text.start <= offset);
        match before.checked_sub(1).map(|at| &self.edits[at]) {
            None => offset,
            Some(edit) if offset < edit.text.end => edit.file.start,
            Some(edit) => edit.file.end + (offset - edit.text.end),
        }
    }

    /// The file's bytes that a stretch of the text came from.
    pub fn file_span(&self, span: Range<usize>) -> Range<usize> {
        let start = self.file_offset(span.start);
        let end = match self.edits.iter().find(|e| e.text.contains(&span.end)) {
            Some(edit) if edit.text.start < span.end => edit.file.end,
            _ => self.file_offset(span.end),
        };
        start..end.max(start)
    }

    /// Line and column, in the file, of a byte of the text.
    pub fn position(&self, offset: usize) -> Position {
        let offset = self.file_offset(offset).min(self.file.len());
        let line = self.lines.partition_point(|start| *start <= offset);
        let column = chars_between(&self.file, self.lines[line - 1], offset) + 1;
        Position {
            line: number(line),
            column: number(column),
        }
    }

    /// The line, in the file, of a byte of the text.
    pub fn line(&self, offset: usize) -> u32 {
        let offset = self.file_offset(offset);
        number(self.lines.partition_point(|start| *start <= offset))
    }
}

impl From<Arc<str>> for Source {
    fn from(text: Arc<str>) -> Self {
        Self::edited(text.clone(), text, Vec::new())
    }
}

impl From<&str> for Source {
    fn from(text: &str) -> Self {
        Arc::<str>::from(text).into()
    }
}

impl From<String> for Source {
    fn from(text: String) -> Self {
        Arc::<str>::from(text).into()
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("text", &self.text)
            .field("edits", &self.edits)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Lines end with LF, CR LF or a lone CR, as for Flyway.
fn line_starts(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let ends = bytes.iter().enumerate().filter(|(at, byte)| {
        **byte == b'\n' || **byte == b'\r' && bytes.get(at + 1) != Some(&b'\n')
    });
    std::iter::once(0)
        .chain(ends.map(|(at, _)| at + 1))
        .collect()
}

/// Tolerates an offset inside a character.
fn chars_between(text: &str, from: usize, to: usize) -> usize {
    text.as_bytes()[from..to]
        .iter()
        .filter(|byte| (**byte & 0xC0) != 0x80)
        .count()
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_with_lf_crlf_or_a_lone_cr() {
        let source = Source::from("a\nb\r\nc\rd");
        assert_eq!(
            [0, 2, 5, 7].map(|at| source.line(at)),
            [1, 2, 3, 4],
            "first byte of each line"
        );
    }

    #[test]
    fn columns_count_characters() {
        let source = Source::from("x\näöü!");
        let bang = source.text().find('!').unwrap();
        assert_eq!(source.position(bang), Position { line: 2, column: 4 });
    }

    #[test]
    fn a_replaced_stretch_does_not_shift_what_follows() {
        let source = Source::edited(
            "a\n1\n2\n3\nb".into(),
            "a\n${x}\nb".into(),
            vec![Edit {
                text: 2..7,
                file: 2..6,
            }],
        );
        assert_eq!(source.position(8), Position { line: 3, column: 1 });
        assert_eq!(source.position(4), Position { line: 2, column: 1 });
        assert_eq!(source.file_span(2..7), 2..6);
        assert_eq!(source.file_span(0..5), 0..6);
        assert_eq!(source.file_span(8..9), 7..8);
    }
}
