//! Against squawk on real histories: what it finds about locks is found here too, or known not to be so.

mod corpus;

use greylag_core::engine::{Dialect, Engine};
use greylag_lint::{Finding, Settings, lint, unit::Content};
use squawk_linter::{Linter, Rule};
use std::collections::BTreeMap;

/// What squawk says about locks, scans and rewrites, and what is said here instead.
const SAME: [(Rule, &[&str]); 12] = [
    (
        Rule::RequireConcurrentIndexCreation,
        &["add-index-blocking"],
    ),
    (
        Rule::RequireConcurrentIndexDeletion,
        &["drop-index-blocking"],
    ),
    (
        Rule::ConstraintMissingNotValid,
        &[
            "add-check-scan",
            "add-foreign-key-scan",
            "add-unique-blocking",
            "reference-locks-other",
        ],
    ),
    (
        Rule::AddingForeignKeyConstraint,
        &["add-foreign-key-scan", "reference-locks-other"],
    ),
    (Rule::AddingFieldWithDefault, &["add-column-rewriting"]),
    (
        Rule::AddingNotNullableField,
        &["set-not-null-scan", "required-column"],
    ),
    (
        Rule::AddingSerialPrimaryKeyField,
        &["add-column-rewriting", "add-unique-blocking"],
    ),
    (Rule::ChangingColumnType, &["change-type-rewriting"]),
    (Rule::DisallowedUniqueConstraint, &["add-unique-blocking"]),
    (
        Rule::RequireConcurrentPartitionDetach,
        &["detach-partition-blocking"],
    ),
    (Rule::RequireConcurrentReindex, &["reindex-blocking"]),
    (Rule::PreferRepack, &["table-rewrite"]),
];

#[test]
fn what_squawk_finds_about_locks_is_found() {
    let Some(folder) = corpus::folder() else {
        return;
    };
    let mut missing = Vec::new();
    let mut counts: BTreeMap<String, (usize, usize, usize)> = BTreeMap::new();
    for corpus in corpus::all(&folder) {
        if corpus.engine != Engine::Postgres {
            continue;
        }
        let report = lint(&corpus.units, &Settings::default(), None);
        for unit in &corpus.units {
            let Ok(content) = &unit.content else { continue };
            let ours: Vec<&Finding> = report.of(&unit.script).collect();
            for (rule, at) in theirs(content) {
                let (_, ids) = SAME.iter().find(|(own, _)| *own == rule).unwrap();
                let Some(statement) = content
                    .script
                    .statements
                    .iter()
                    .position(|s| s.span.contains(&at))
                else {
                    continue;
                };
                let found = ours
                    .iter()
                    .any(|f| f.statement == Some(statement) && ids.contains(&&*f.rule));
                let count = counts.entry(rule.to_string()).or_default();
                count.0 += 1;
                if found {
                    count.1 += 1;
                } else if let Some(why) = harmless(content, statement, rule) {
                    let sql = content.script.sql(&content.script.statements[statement]);
                    println!(
                        "harmless: {}/{} {rule}: {why}: {sql}",
                        corpus.name, unit.script
                    );
                    count.2 += 1;
                } else {
                    let sql = content.script.sql(&content.script.statements[statement]);
                    missing.push(format!("{}/{} {rule}: {sql}", corpus.name, unit.script));
                }
            }
        }
    }
    for (rule, (all, found, harmless)) in &counts {
        println!("{rule:40} {all:4} of squawk: {found:4} found, {harmless:4} known to be harmless");
    }
    let all: usize = counts.values().map(|count| count.0).sum();
    assert!(all > 500, "{all}");
    assert!(
        missing.is_empty(),
        "{} missing:\n{}",
        missing.len(),
        missing.join("\n")
    );
}

fn theirs(content: &Content) -> Vec<(Rule, usize)> {
    let rules: Vec<Rule> = SAME.iter().map(|(rule, _)| *rule).collect();
    let text = &content.script.text;
    let parse = squawk_syntax::SourceFile::parse(text);
    let mut linter = Linter::with_rules(&rules, &[]);
    linter.rules.retain(|rule| rules.contains(rule));
    let found = linter.lint(&parse, text);
    found
        .into_iter()
        .map(|found| (found.code, usize::from(found.text_range.start())))
        .collect()
}

/// Why silence is right: the table was made in the same file, or the change keeps what is stored.
fn harmless(content: &Content, statement: usize, rule: Rule) -> Option<&'static str> {
    let script = &content.script;
    let sql = script.sql(&script.statements[statement]);
    let words: Vec<String> = greylag_core::script::tokens(Dialect::Postgres, sql)
        .map(|token| sql[token.span].trim_matches('"').to_lowercase())
        .collect();
    let behind = |word: &str| {
        let at = words.iter().position(|w| w == word)? + 1;
        let skip = words[at..]
            .iter()
            .take_while(|w| ["only", "if", "exists", "concurrently"].contains(&w.as_str()))
            .count();
        let at = at + skip;
        let name = if words.get(at + 1).is_some_and(|dot| dot == ".") {
            at + 2
        } else {
            at
        };
        words.get(name).cloned()
    };
    let table = behind("table")
        .or_else(|| behind("on"))
        .or_else(|| behind("index"))?;
    let other = behind("references");
    let made = |name: &str| {
        script.statements[..statement]
            .iter()
            .any(|earlier| makes(script.sql(earlier), name))
    };
    if made(&table) || other.is_some_and(|other| made(&other)) {
        return Some("its table, its index or what it references was made in the same file");
    }
    match rule {
        // The effect table's own measurements say so: tests/effects.
        Rule::ChangingColumnType
            if !words.iter().any(|word| word == "collate")
                && ["text", "varchar", "character", "numeric"]
                    .iter()
                    .any(|t| words.iter().any(|w| w == t)) =>
        {
            Some("the stored form stays")
        }
        // A sign before a number is an expression to squawk.
        Rule::AddingFieldWithDefault
            if words
                .windows(2)
                .any(|pair| pair[0] == "-" && pair[1].parse::<u64>().is_ok()) =>
        {
            Some("the default is a number")
        }
        _ => None,
    }
}

/// Whether it is a CREATE TABLE, INDEX or MATERIALIZED VIEW of this name.
fn makes(sql: &str, name: &str) -> bool {
    let words: Vec<String> = greylag_core::script::tokens(Dialect::Postgres, sql)
        .take(12)
        .map(|token| sql[token.span].trim_matches('"').to_lowercase())
        .collect();
    let passed = [
        "create",
        "unlogged",
        "temp",
        "temporary",
        "unique",
        "concurrently",
        "if",
        "not",
        "exists",
        "materialized",
    ];
    let mut words = words.iter().filter(|word| !passed.contains(&word.as_str()));
    let kind = words.next().map(String::as_str);
    if !sql.trim_start().to_lowercase().starts_with("create")
        || !matches!(kind, Some("table" | "index" | "view"))
    {
        return false;
    }
    let (first, dot, last) = (words.next(), words.next(), words.next());
    let own = if dot.is_some_and(|dot| dot == ".") {
        last
    } else {
        first
    };
    own.is_some_and(|own| own == name)
}
