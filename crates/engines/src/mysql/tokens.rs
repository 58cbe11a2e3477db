//! A statement's words, names and signs, without its comments.
//!
//! Enough to find verbs and names; the exact cutting of files is `greylag_core::script`'s.

/// A piece of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    Word(String),
    /// In backticks, or in double quotes under ANSI_QUOTES.
    Quoted(String),
    Text,
    Sign(char),
}

impl Token {
    pub fn upper(&self) -> String {
        match self {
            Token::Word(word) => word.to_ascii_uppercase(),
            _ => String::new(),
        }
    }

    pub fn is(&self, word: &str) -> bool {
        matches!(self, Token::Word(w) if w.eq_ignore_ascii_case(word))
    }
}

/// The first `limit` tokens; comments are passed over, the insides of executable ones are read.
pub fn tokens(sql: &str, limit: usize) -> Vec<Token> {
    // A few words stand at the head; what follows may be megabytes of rows.
    let most = if limit == usize::MAX {
        usize::MAX
    } else {
        limit * 200
    };
    let chars: Vec<char> = sql.chars().take(most).collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    while at < chars.len() && tokens.len() < limit {
        let (c, next) = (chars[at], chars.get(at + 1).copied());
        match c {
            _ if c.is_whitespace() => at += 1,
            '#' => at = line_end(&chars, at),
            '-' if next == Some('-') && chars.get(at + 2).is_none_or(|c| c.is_whitespace()) => {
                at = line_end(&chars, at);
            }
            '/' if next == Some('*') => at = behind_comment(&chars, at),
            '*' if next == Some('/') => at += 2,
            '`' | '"' => {
                let (name, end) = quoted(&chars, at);
                tokens.push(Token::Quoted(name));
                at = end;
            }
            '\'' => {
                at = quoted(&chars, at).1;
                tokens.push(Token::Text);
            }
            _ if is_word(c) => {
                let end = (at..chars.len())
                    .find(|i| !is_word(chars[*i]))
                    .unwrap_or(chars.len());
                tokens.push(Token::Word(chars[at..end].iter().collect()));
                at = end;
            }
            _ => {
                tokens.push(Token::Sign(c));
                at += 1;
            }
        }
    }
    tokens
}

fn line_end(chars: &[char], from: usize) -> usize {
    (from..chars.len())
        .find(|i| chars[*i] == '\n')
        .unwrap_or(chars.len())
}

/// Behind a comment; of an executable one (`/*!40101 … */`, `/*M! … */`) behind its head.
fn behind_comment(chars: &[char], from: usize) -> usize {
    let head = match chars.get(from + 2) {
        Some('!') => from + 3,
        Some('M') if chars.get(from + 3) == Some(&'!') => from + 4,
        _ => {
            let end = (from + 2..chars.len().saturating_sub(1))
                .find(|i| chars[*i] == '*' && chars[*i + 1] == '/');
            return end.map_or(chars.len(), |end| end + 2);
        }
    };
    (head..chars.len())
        .find(|i| !chars[*i].is_ascii_digit())
        .unwrap_or(chars.len())
}

/// What stands in quotes, and where it ends.
fn quoted(chars: &[char], from: usize) -> (String, usize) {
    let mark = chars[from];
    let mut text = String::new();
    let mut at = from + 1;
    while at < chars.len() {
        if chars[at] == '\\' && mark != '`' {
            text.extend(chars.get(at + 1));
            at += 2;
        } else if chars[at] == mark && chars.get(at + 1) == Some(&mark) {
            text.push(mark);
            at += 2;
        } else if chars[at] == mark {
            return (text, at + 1);
        } else {
            text.push(chars[at]);
            at += 1;
        }
    }
    (text, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_passed_over_and_executable_ones_are_read() {
        let read = |sql: &str| tokens(sql, 9).iter().map(Token::upper).collect::<Vec<_>>();
        assert_eq!(read("-- x\n/* y */ drop # z\n t"), ["DROP", "T"]);
        assert_eq!(read("/*!50001 create */ view"), ["CREATE", "VIEW"]);
        assert_eq!(tokens("a--1", 9).len(), 4);
    }

    #[test]
    fn quotes_hide_what_is_in_them() {
        assert_eq!(
            tokens("'it''s \\' ok' `a``b`", 9),
            [Token::Text, Token::Quoted("a`b".into())]
        );
    }
}
