//! Texts that are large in one way or another take time and stack in proportion, or these tests don't end.

use super::cut;
use crate::engine::Dialect;

const DIALECTS: [Dialect; 3] = [Dialect::Postgres, Dialect::Mysql, Dialect::Sqlite];

#[test]
fn a_long_row_of_byte_order_marks_is_nobodys_statement() {
    let text = format!("{}SELECT 1", "\u{feff}\n".repeat(200_000));
    for dialect in DIALECTS {
        assert_eq!(cut(dialect, &text), ["SELECT 1"]);
    }
}

#[test]
fn one_statement_of_many_words_is_read_once() {
    let statement = format!("INSERT INTO t VALUES {}(1, 2)", "(a, b), ".repeat(400_000));
    for dialect in DIALECTS {
        assert_eq!(cut(dialect, &format!("{statement};\n")), [&*statement]);
    }
    let within = format!("DELIMITER $$\n{statement}$$\n");
    assert_eq!(cut(Dialect::Mysql, &within), [&*statement]);
}

#[test]
fn a_delimiter_that_goes_on_behind_a_word_ends_it() {
    assert_eq!(
        cut(Dialect::Mysql, "DELIMITER $/\nSELECT a$/SELECT ü$/"),
        ["SELECT a", "SELECT ü"]
    );
    assert_eq!(
        cut(Dialect::Mysql, "DELIMITER $$\nSELECT a$$SELECT b$$"),
        ["SELECT a", "SELECT b"]
    );
}
