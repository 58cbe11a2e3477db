//! Against squawk on real histories: what it finds about locks is found here too, or known not to be so.

mod corpus;

use greylag_core::engine::{Dialect, Engine};
use greylag_lint::{
    Finding, Settings, lint,
    operation::{Action, DataType, Operation},
    operations,
    unit::Content,
};
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
        let mut types = Types::new();
        for unit in &corpus.units {
            let Ok(content) = &unit.content else { continue };
            let kept = keeping(content, &mut types);
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
                } else if let Some(why) = harmless(content, statement, rule, &kept) {
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

/// The type of each column, by table and column, as the files so far have it.
type Types = BTreeMap<(String, String), DataType>;

/// The statements of a file that change types, and keep the stored form of each. Takes in what the file leaves.
fn keeping(content: &Content, types: &mut Types) -> Vec<usize> {
    let mut kept = Vec::new();
    for (at, operation) in operations(content).into_iter().enumerate() {
        match operation {
            Operation::CreateTable(create) => {
                for column in create.columns {
                    types.insert((create.name.name.clone(), column.name), column.data_type);
                }
            }
            Operation::AlterTable(alter) => {
                let (mut changed, mut stays) = (0, 0);
                for (action, _) in alter.actions {
                    let table = alter.name.name.clone();
                    match action {
                        Action::AddColumn { column, .. } => {
                            types.insert((table, column.name.clone()), column.data_type);
                        }
                        Action::RenameColumn { from, to } => {
                            if let Some(own) = types.remove(&(table.clone(), from)) {
                                types.insert((table, to), own);
                            }
                        }
                        Action::RenameTo(to) => {
                            let own = |key: &(String, String)| key.0 == table;
                            let keys: Vec<_> =
                                types.keys().filter(|key| own(key)).cloned().collect();
                            for key in keys {
                                let of = types.remove(&key).unwrap();
                                types.insert((to.name.clone(), key.1), of);
                            }
                        }
                        Action::AlterType {
                            column,
                            data_type,
                            using,
                            collation,
                        } => {
                            let old = types.insert((table, column), data_type.clone());
                            changed += 1;
                            let plain = !using && collation.is_none();
                            let same = old.is_some_and(|old| is_stored_alike(&old, &data_type));
                            stays += usize::from(plain && same);
                        }
                        _ => {}
                    }
                }
                if changed > 0 && stays == changed {
                    kept.push(at);
                }
            }
            _ => {}
        }
    }
    kept
}

/// What the table of effects says and tests/effects measures: a longer varchar, text, a larger precision.
fn is_stored_alike(old: &DataType, new: &DataType) -> bool {
    let number =
        |of: &DataType, at: usize| of.arguments.get(at).and_then(|n| n.parse::<u32>().ok());
    let text = |of: &DataType| of.name == "text" || of.name == "varchar" && of.arguments.is_empty();
    if old == new || old.array != new.array {
        return old.name == new.name && old.arguments == new.arguments && old.array == new.array;
    }
    match (old.name.as_str(), new.name.as_str()) {
        ("text" | "varchar", _) if text(new) => true,
        ("varchar", "varchar") => number(old, 0) <= number(new, 0) && number(old, 0).is_some(),
        ("numeric", "numeric") if new.arguments.is_empty() => true,
        ("numeric", "numeric") => {
            let scale = |of: &DataType| number(of, 1).unwrap_or(0);
            !old.arguments.is_empty()
                && number(old, 0) <= number(new, 0)
                && scale(old) == scale(new)
        }
        (old_name, new_name) => old_name == new_name && old.arguments == new.arguments,
    }
}

/// Why silence is right: the table was made in the same file, or the change keeps what is stored.
fn harmless(
    content: &Content,
    statement: usize,
    rule: Rule,
    kept: &[usize],
) -> Option<&'static str> {
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
        Rule::ChangingColumnType if kept.contains(&statement) => Some("the stored form stays"),
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
