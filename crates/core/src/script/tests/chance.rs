//! What holds for every text.

use super::*;
use crate::script::{ScriptFault, split::cut as pieces};
use proptest::prelude::*;

const DIALECTS: [Dialect; 3] = [Dialect::Postgres, Dialect::Mysql, Dialect::Sqlite];

/// Pieces of SQL, whole and broken, that a text is thrown together from.
fn fragment() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "SELECT 1",
        ";",
        ";",
        ";\n",
        " ",
        "\n",
        "\r\n",
        "\t",
        "'a;b'",
        "'a''b'",
        "'",
        "\"n;m\"",
        "\"",
        "`q;`",
        "`",
        "[x;y]",
        "[",
        "$$ a;b $$",
        "$t$ ; $t$",
        "$t$",
        "$$",
        "$1",
        "E'\\';'",
        "E'",
        "U&'x'",
        "\\'",
        "\\",
        "-- c;\n",
        "--x",
        "# c\n",
        "#",
        "/* c; */",
        "/* /* n */ */",
        "/*",
        "*/",
        "/*! SET x=1 */",
        "/*!50003",
        "/*M! y */",
        "(",
        ")",
        "BEGIN",
        "END",
        "CASE",
        "WHEN",
        "THEN",
        "ELSE",
        "IF",
        "END IF",
        "LOOP",
        "END LOOP",
        "REPEAT",
        "UNTIL",
        "WHILE",
        "DO",
        "CREATE",
        "TRIGGER",
        "FUNCTION",
        "PROCEDURE",
        "ATOMIC",
        "NOT",
        "OR REPLACE",
        "AS",
        ".",
        ":",
        "@",
        "COPY t FROM STDIN",
        "\\.",
        "1\t2\n",
        "DELIMITER //\n",
        "//",
        "DELIMITER ;\n",
        "\\restrict x\n",
        "ü",
        "\u{feff}",
        "\u{2028}",
        "\0",
        "DECLARE",
        "HANDLER FOR",
    ])
}

fn text() -> impl Strategy<Value = String> {
    let glued = prop::collection::vec(
        (fragment(), prop::sample::select(vec!["", " ", "\n"])),
        0..40,
    );
    prop_oneof![
        4 => glued.prop_map(|parts| parts.into_iter().flat_map(|(a, b)| [a, b]).collect::<String>()),
        1 => any::<String>(),
    ]
}

/// What may stand between statements.
fn is_filler(dialect: Dialect, text: &str) -> bool {
    let mut lexer = crate::script::lexer::Lexer::new(dialect, text, 0);
    loop {
        use crate::script::lexer::Kind;
        match lexer.next() {
            Ok(None) => return true,
            Ok(Some(token)) => match token.kind {
                Kind::Comment | Kind::Symbol(b';') => {}
                // DELIMITER and \restrict take their line; a delimiter of one's own is any text.
                _ => return false,
            },
            Err(_) => return false,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_it_panic_and_spans_are_in_order(text in text()) {
        for dialect in DIALECTS {
            let Ok(script) = split(dialect, text.as_str()) else { continue };
            let mut end = 0;
            let mut line = 1;
            for statement in &script.statements {
                prop_assert!(statement.span.start >= end && statement.span.start < statement.span.end);
                prop_assert_eq!(script.sql(statement).trim_ascii(), script.sql(statement));
                prop_assert!(statement.line >= line);
                end = statement.span.end;
                line = statement.line;
                if let Some(data) = &statement.copy_data {
                    prop_assert!(data.start >= end && data.start <= data.end);
                    end = data.end;
                }
                let _ = statement.hash(&script);
            }
            prop_assert!(end <= text.len());
            let _ = (script.refusals(), script.batch_marks(), script.place("V1__x.sql", 0));
        }
    }

    #[test]
    fn only_blanks_comments_and_delimiters_lie_between(text in text()) {
        for dialect in DIALECTS {
            // A delimiter of the file's own, and lines that are passed over, are no filler by themselves.
            if text.contains("DELIMITER") || text.contains('\\') { continue }
            let Ok(pieces) = pieces(dialect, &text) else { continue };
            let mut at = 0;
            for piece in &pieces {
                prop_assert!(is_filler(dialect, &text[at..piece.span.start]), "{:?}", &text[at..piece.span.start]);
                prop_assert!(piece.whole.start <= piece.span.start && piece.span.end <= piece.whole.end);
                prop_assert!(is_filler(dialect, &text[piece.span.end..piece.whole.end]));
                at = piece.span.end;
            }
            prop_assert!(is_filler(dialect, &text[at..]), "{:?}", &text[at..]);
        }
    }

    #[test]
    fn texts_that_are_whole_can_be_joined(a in text(), b in text()) {
        for dialect in DIALECTS {
            let (Ok(first), Ok(second)) = (split(dialect, a.as_str()), split(dialect, b.as_str())) else { continue };
            // What changes how the rest is read is part of what follows.
            if a.contains("DELIMITER") || a.contains("COPY") || b.contains("COPY") { continue }
            let joined = format!("{a}\n;\n{b}");
            let Ok(joined) = split(dialect, joined) else {
                // The first may end within a trigger that a `;` goes on with.
                continue;
            };
            let texts = |script: &crate::script::Script| -> Vec<String> {
                script.statements.iter().map(|s| script.sql(s).to_owned()).collect()
            };
            let apart = [texts(&first), texts(&second)].concat();
            if joined.statements.len() == apart.len() {
                prop_assert_eq!(texts(&joined), apart);
            }
        }
    }

    #[test]
    fn statements_come_out_as_they_went_in(parts in prop::collection::vec(whole_statement(), 1..12)) {
        for dialect in DIALECTS {
            let text: String = parts.iter().map(|part| format!(" {part} ; -- and on; ever\n")).collect();
            prop_assert_eq!(cut(dialect, &text), parts.clone());
        }
    }

    #[test]
    fn a_faults_span_lies_in_the_text(text in text()) {
        for dialect in DIALECTS {
            if let Err(error) = split(dialect, text.as_str()) {
                prop_assert!(error.span.start <= error.span.end && error.span.end <= text.len(), "{error:?}");
                prop_assert!(text.is_char_boundary(error.span.start) && text.is_char_boundary(error.span.end));
                let open = !matches!(error.fault, ScriptFault::Refused { .. });
                prop_assert!(open);
            }
        }
    }
}

/// Statements that every dialect takes.
fn whole_statement() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "'a;b'", "'it''s'", "\"n;m\"", "x", "42", "/* c; */", "(1, 2)", "ä", ",", "=",
    ]);
    prop::collection::vec(part, 0..8).prop_map(|parts| format!("SELECT {} z", parts.join(" ")))
}
