//! Squawk's rules under `squawk/<id>`: those that no rule of ours covers. The only room that speaks to squawk.
//!
//! Most are a matter of style and silent until the project's `[lint] severity` asks for them.

use crate::{
    finding::{Finding, Severity},
    judge::{Draft, File, finish, level},
    rule::{Group, Look, POSTGRES, Rule},
    settings::Settings,
    unit::Content,
};
use greylag_core::{
    engine::Dialect,
    script::{Script, Statement, TokenKind, tokens},
};
use squawk_linter::{Linter, Violation};
use squawk_syntax::SourceFile;

/// Above this many bytes its tree costs too much memory; what is so long is rows, not schema.
const LONGEST: usize = 2_000_000;

/// Above this many words that may stand within each other its parser, which calls itself for each, needs too much of the stack.
const DEEPEST: usize = 2_000;
/// Up to this many any stack will do; a thread of its own for each file would cost a third of the time.
const SHALLOW: usize = 200;
/// What it gets of it: a parenthesis takes some kilobytes.
const STACK: usize = 64 << 20;

const fn rule(id: &'static str, severity: Option<Severity>, title: &'static str) -> Rule {
    Rule {
        id,
        group: Group::Squawk,
        severity,
        dialects: POSTGRES,
        title,
        about: "A rule of squawk, whose documentation describes it.",
        bad: "",
        good: "",
        look: Look::Elsewhere,
    }
}

const ON: Option<Severity> = Some(Severity::Warning);
const OFF: Option<Severity> = None;

pub(crate) static RULES: &[Rule] = &[
    rule(
        "squawk/ban-duplicate-column-assignments",
        ON,
        "an UPDATE sets a column twice",
    ),
    rule(
        "squawk/identifier-too-long",
        ON,
        "a name of more than 63 bytes is cut by the server",
    ),
    rule(
        "squawk/ban-truncate-cascade",
        ON,
        "TRUNCATE … CASCADE empties other tables too",
    ),
    rule(
        "squawk/transaction-nesting",
        ON,
        "BEGIN within a transaction, COMMIT outside of one",
    ),
    rule(
        "squawk/prefer-bigint-over-int",
        OFF,
        "an int that may run out",
    ),
    rule(
        "squawk/prefer-bigint-over-smallint",
        OFF,
        "a smallint that may run out",
    ),
    rule(
        "squawk/prefer-identity",
        OFF,
        "SERIAL where IDENTITY would do",
    ),
    rule(
        "squawk/prefer-robust-stmts",
        OFF,
        "a statement that can't be run a second time",
    ),
    rule(
        "squawk/prefer-text-field",
        OFF,
        "varchar(n) where text would do",
    ),
    rule(
        "squawk/prefer-timestamp-tz",
        OFF,
        "timestamp without time zone",
    ),
    rule("squawk/ban-char-field", OFF, "char(n)"),
    rule(
        "squawk/require-table-schema",
        OFF,
        "a table without its schema",
    ),
    rule(
        "squawk/require-enum-value-ordering",
        OFF,
        "ADD VALUE without BEFORE or AFTER",
    ),
    rule(
        "squawk/require-lock-timeout",
        OFF,
        "no lock_timeout (Greylag sets one)",
    ),
    rule(
        "squawk/require-statement-timeout",
        OFF,
        "no statement_timeout",
    ),
    rule(
        "squawk/ban-create-domain-with-constraint",
        OFF,
        "a domain with a constraint",
    ),
    rule(
        "squawk/ban-alter-domain-with-add-constraint",
        OFF,
        "a constraint added to a domain",
    ),
    rule("squawk/ban-revoke", OFF, "REVOKE"),
    rule("squawk/ban-drop-extension", OFF, "DROP EXTENSION"),
    rule("squawk/ban-add-enum-value", OFF, "a value added to an enum"),
    rule("squawk/ban-create-policy", OFF, "CREATE POLICY"),
    rule("squawk/ban-drop-policy", OFF, "DROP POLICY"),
    rule(
        "squawk/ban-replace-view-function",
        OFF,
        "CREATE OR REPLACE of a view or function",
    ),
    rule("squawk/ban-alter-function-options", OFF, "ALTER FUNCTION"),
    rule("squawk/ban-alter-view-options", OFF, "ALTER VIEW"),
    rule("squawk/ban-alter-role-options", OFF, "ALTER ROLE"),
    rule("squawk/ban-alter-database-options", OFF, "ALTER DATABASE"),
    rule("squawk/ban-alter-sequence-values", OFF, "ALTER SEQUENCE"),
    rule("squawk/ban-alter-extension", OFF, "ALTER EXTENSION"),
];

/// Those of its rules that speak.
pub(crate) struct Squawk {
    wanted: Vec<(squawk_linter::Rule, &'static Rule)>,
}

/// What it says to a file; or why it isn't asked.
pub(crate) struct Said(Result<Vec<Violation>, String>);

impl Default for Said {
    fn default() -> Self {
        Self(Ok(Vec::new()))
    }
}

impl Squawk {
    pub(crate) fn of(settings: &Settings) -> Self {
        let speaking = RULES.iter().filter(|rule| level(rule, settings).is_some());
        let wanted = speaking.filter_map(|rule| Some((foreign(rule)?, rule)));
        Self {
            wanted: wanted.collect(),
        }
    }

    /// Whether it has anything to say to such a file.
    pub(crate) fn is_asked(&self, content: &Content) -> bool {
        content.script.dialect == Dialect::Postgres && !self.wanted.is_empty()
    }

    pub(crate) fn ask(&self, content: &Content) -> Said {
        let script = &content.script;
        if !self.is_asked(content) {
            return Said::default();
        }
        if script.text.len() > LONGEST {
            return Said(Err(format!(
                "squawk's rules are not asked about a file above {} MB",
                LONGEST / 1_000_000
            )));
        }
        let depth = depth(script);
        if depth > DEEPEST {
            let why =
                "squawk's rules are not asked about a file whose expressions are nested so deep";
            return Said(Err(why.to_owned()));
        }
        let include: Vec<squawk_linter::Rule> = self.wanted.iter().map(|(rule, _)| *rule).collect();
        let text = plain(script);
        let in_transaction = content.in_transaction();
        Said(match depth <= SHALLOW {
            true => Ok(ask(&text, &include, in_transaction)),
            false => ask_apart(&text, &include, in_transaction),
        })
    }

    /// What was said to a file, as findings.
    pub(crate) fn findings(&self, file: &File<'_>, said: Said) -> Result<Vec<Finding>, String> {
        let script = &file.content.script;
        let found = said.0?.into_iter().filter_map(|found| {
            let (_, rule) = self
                .wanted
                .iter()
                .find(|(wanted, _)| *wanted == found.code)?;
            let start = usize::from(found.text_range.start()).min(script.text.len());
            let end = usize::from(found.text_range.end()).clamp(start, script.text.len());
            let mut draft = Draft::new(start..end, rule.title).why(found.message);
            if let Some(help) = found.help {
                draft = draft.instead(help);
            }
            Some(finish(file, rule, None, draft))
        });
        Ok(found.collect())
    }
}

/// What squawk says to a text. One linter per file: it remembers what it saw.
pub(crate) fn ask(
    text: &str,
    rules: &[squawk_linter::Rule],
    in_transaction: bool,
) -> Vec<Violation> {
    let parse = SourceFile::parse(text);
    let mut linter = Linter::with_rules(rules, &[]);
    linter.rules.retain(|rule| rules.contains(rule));
    linter.settings.assume_in_transaction = in_transaction;
    linter.lint(&parse, text)
}

/// On a stack that is large enough for what is nested deep.
fn ask_apart(
    text: &str,
    rules: &[squawk_linter::Rule],
    in_transaction: bool,
) -> Result<Vec<Violation>, String> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK);
        let asked = thread.spawn_scoped(scope, || ask(text, rules, in_transaction));
        let asked = asked.map_err(|error| format!("squawk's rules can't be asked: {error}"))?;
        let told = asked.join();
        told.map_err(|_| "squawk's rules gave up on this file".to_owned())
    })
}

/// How deep a tree the longest of its expressions may make: words in a row, and those around the parentheses they stand in. What
/// stands between commas lies side by side.
fn depth(script: &Script) -> usize {
    let of = |statement: &Statement| {
        let text = script.sql(statement);
        if text.len() <= SHALLOW {
            return 0;
        }
        let (mut now, mut most, mut queries) = (0usize, 0usize, 0usize);
        let mut opened: Vec<usize> = Vec::new();
        for token in tokens(Dialect::Postgres, text) {
            match token.kind {
                TokenKind::Symbol(b'(' | b'[') => opened.push(now),
                TokenKind::Symbol(b')' | b']') => now = opened.pop().unwrap_or(0),
                TokenKind::Symbol(b',') => now = opened.last().copied().unwrap_or(0),
                TokenKind::Word => {
                    let word = &text[token.span];
                    let joins = ["union", "except", "intersect"];
                    queries += usize::from(joins.iter().any(|own| word.eq_ignore_ascii_case(own)));
                }
                _ => {}
            }
            now += 1;
            most = most.max(now);
        }
        most + queries
    };
    script.statements.iter().map(of).max().unwrap_or(0)
}

fn foreign(rule: &Rule) -> Option<squawk_linter::Rule> {
    squawk_linter::Rule::try_from(rule.id.strip_prefix("squawk/")?).ok()
}

/// The statements alone, each where it stands: COPY data and commands of psql are blanks, `:batch` is TRUE.
pub(crate) fn plain(script: &Script) -> String {
    let mut plain: Vec<u8> = vec![b' '; script.text.len() + 1];
    let bytes = script.text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        if *byte == b'\n' {
            plain[at] = b'\n';
        }
    }
    for statement in &script.statements {
        let span = statement.span.clone();
        plain[span.clone()].copy_from_slice(&bytes[span.clone()]);
        plain[span.end] = b';';
    }
    for mark in script.batch_marks() {
        plain[mark].copy_from_slice(b" true ");
    }
    String::from_utf8(plain).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exported_rule_is_one_of_squawk() {
        for rule in RULES {
            assert!(foreign(rule).is_some(), "{}", rule.id);
        }
    }

    #[test]
    fn what_squawk_reads_has_the_places_of_the_file() {
        let text = "COPY t FROM STDIN;\n1\tü\n\\.\nUPDATE t SET a = 1 WHERE :batch";
        let script = greylag_core::script::split(Dialect::Postgres, text).unwrap();
        let plain = plain(&script);
        assert_eq!(plain.len(), text.len() + 1);
        assert!(
            !plain.contains('ü') && plain.ends_with("WHERE  true ;"),
            "{plain}"
        );
    }
}
