//! A unique index is built while nobody may read.

use super::super::{rewrite, words};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, POSTGRES, Rule},
};
use crate::{
    fix::{Fix, Step},
    operation::{Action, Bytes, Constraint, ConstraintKind, Name},
};

use greylag_core::{
    engine::Dialect,
    script::{SqlToken, TokenKind, tokens},
};

pub(super) static ADD_UNIQUE_BLOCKING: Rule = Rule {
    id: "add-unique-blocking",
    group: Group::Locks,
    severity: Some(Severity::Error),
    dialects: POSTGRES,
    title: "a unique index is built while nobody may read",
    about: "ADD UNIQUE and ADD PRIMARY KEY build their index under ACCESS EXCLUSIVE. Build the index \
            concurrently first, then add the constraint USING INDEX, which takes the same lock for a moment \
            only. An EXCLUDE constraint has no such way: it needs a new table.",
    bad: include_str!("add_unique_blocking/bad.sql"),
    good: include_str!("add_unique_blocking/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for (table, action, span) in scene.actions() {
        let (what, fix) = match action {
            Action::AddConstraint(constraint) => match &constraint.kind {
                ConstraintKind::Unique {
                    using_index: None, ..
                } => ("UNIQUE", fix(scene, table, constraint, span)),
                ConstraintKind::PrimaryKey {
                    using_index: None, ..
                } => ("PRIMARY KEY", fix(scene, table, constraint, span)),
                ConstraintKind::Exclude { .. } => ("EXCLUDE", None),
                _ => continue,
            },
            Action::AddColumn { column, .. } if column.unique || column.primary_key => {
                ("UNIQUE", None)
            }
            _ => continue,
        };
        let instead = match what {
            "EXCLUDE" => {
                "There is no way to build it beside running traffic: make a new table with it, copy, and swap."
            }
            _ if scene.known(table).is_some_and(|known| known.partitioned) => {
                "Create the unique index ON ONLY the partitioned table, build one concurrently on each partition, and attach those; a constraint can't be made of it."
            }
            _ => {
                "Build the unique index concurrently in a file of its own, then add the constraint USING INDEX."
            }
        };
        let draft = words::about(
            scene,
            table,
            span,
            format!("the index of a new {what} is built while nobody may read {table}"),
        )
        .why(words::why(
            scene,
            table,
            "Reads and writes wait until the index is built.",
        ))
        .shards("It fails on the one shard that has a row twice.")
        .instead(instead)
        .fix(fix);
        drafts.push(draft);
    }
    drafts
}

fn fix(scene: &Scene<'_>, table: &Name, constraint: &Constraint, span: &Bytes) -> Option<Fix> {
    // A partitioned table takes no CONCURRENTLY, and no constraint of an index that is there.
    if scene.known(table).is_some_and(|known| known.partitioned) {
        return None;
    }
    let target = scene.sql(&table.span);
    let sql = scene.sql(&constraint.span);
    let (kind, columns) = match &constraint.kind {
        ConstraintKind::PrimaryKey { columns, .. } => ("PRIMARY KEY", columns.clone()),
        ConstraintKind::Unique { columns, .. } => {
            ("UNIQUE", columns.iter().flatten().cloned().collect())
        }
        _ => return None,
    };
    let suffix = if kind == "UNIQUE" { "key" } else { "pkey" };
    let generated = words::named(&[&table.name, &columns.join("_"), suffix]);
    let plain = constraint.name.clone().unwrap_or(generated);
    let name = words::ident(&plain);
    let Options {
        keys,
        index,
        timing,
    } = options(sql)?;
    let mut steps = vec![Step::outside(
        format!("index {plain}"),
        format!("CREATE UNIQUE INDEX CONCURRENTLY {name} ON {target} {keys}{index};"),
    )];
    steps.push(Step::apart(
        format!("constraint {plain}"),
        format!("ALTER TABLE {target} ADD CONSTRAINT {name} {kind} USING INDEX {name}{timing};"),
    ));
    rewrite::clause(
        scene,
        span,
        "build the index concurrently, then add the constraint with it",
        steps,
    )
}

/// What is written of a key: its columns, what belongs to the index, and what belongs to the constraint.
struct Options<'a> {
    keys: &'a str,
    index: String,
    timing: String,
}

/// None where something behind the key isn't understood: it would be lost.
fn options(sql: &str) -> Option<Options<'_>> {
    let tokens: Vec<SqlToken> = tokens(Dialect::Postgres, sql).collect();
    let word = |at: usize| {
        let token = tokens.get(at)?;
        (token.kind == TokenKind::Word).then(|| sql[token.span.clone()].to_ascii_uppercase())
    };
    let is = |at: usize, words: &[&str]| {
        let mut words = words.iter().enumerate();
        words.all(|(ahead, own)| word(at + ahead).as_deref() == Some(*own))
    };
    let opens = |at: usize| tokens.get(at).map(|t| t.kind) == Some(TokenKind::Symbol(b'('));
    // Behind the parenthesis that closes the one at a place.
    let behind = |open: usize| {
        let mut depth = 0usize;
        for (at, token) in tokens.iter().enumerate().skip(open) {
            match token.kind {
                TokenKind::Symbol(b'(') => depth += 1,
                TokenKind::Symbol(b')') => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Some(at + 1);
            }
        }
        None
    };
    let text = |from: usize, to: usize| &sql[tokens[from].span.start..tokens[to - 1].span.end];
    let open = (0..tokens.len()).find(|at| opens(*at))?;
    let mut at = behind(open)?;
    let keys = text(open, at);
    let nulls = (0..open).any(|at| is(at, &["NULLS", "NOT", "DISTINCT"]));
    let (mut include, mut with, mut space) = (String::new(), String::new(), String::new());
    let mut timing = String::new();
    while at < tokens.len() {
        let start = at;
        if (is(at, &["INCLUDE"]) || is(at, &["WITH"])) && opens(at + 1) {
            at = behind(at + 1)?;
            let place = if is(start, &["WITH"]) {
                &mut with
            } else {
                &mut include
            };
            *place = format!(" {}", text(start, at));
        } else if is(at, &["USING", "INDEX", "TABLESPACE"]) && at + 3 < tokens.len() {
            at += 4;
            space = format!(" {}", text(start + 2, at));
        } else if is(at, &["NOT", "DEFERRABLE"])
            || is(at, &["INITIALLY", "DEFERRED"])
            || is(at, &["INITIALLY", "IMMEDIATE"])
        {
            at += 2;
            timing = format!("{timing} {}", text(start, at));
        } else if is(at, &["DEFERRABLE"]) {
            at += 1;
            timing += " DEFERRABLE";
        } else {
            return None;
        }
    }
    let nulls = if nulls { " NULLS NOT DISTINCT" } else { "" };
    let index = format!("{include}{nulls}{with}{space}");
    Some(Options {
        keys,
        index,
        timing,
    })
}
