//! `docs/rules.md` and `docs/effects.md` are made from the rules and the tables of effects; `GREYLAG_WRITE_DOCS=1` writes them.

use greylag_core::engine::{Dialect, Engine};
use greylag_lint::{
    Group, Rule,
    effects::{self, Algorithm, Fits, Rewrite, Role, StandbyEffect, Wal},
    rules::{self, example::Example},
};
use std::{fmt::Write, fs, path::Path};

const GROUPS: [(Group, &str); 7] = [
    (Group::Locks, "Locks, scans and rewrites"),
    (Group::Transactions, "Transactions"),
    (Group::Phase, "Phases"),
    (Group::Replicas, "Replicas"),
    (Group::Shards, "Shards"),
    (Group::Files, "Files and directives"),
    (Group::Trace, "Found by a trace"),
];

#[test]
fn the_page_of_rules_is_made_from_the_rules() {
    compare("rules.md", &rules_page());
}

#[test]
fn the_page_of_effects_is_made_from_what_was_measured() {
    compare("effects.md", &effects_page());
}

fn compare(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs")
        .join(name);
    if std::env::var_os("GREYLAG_WRITE_DOCS").is_some() {
        fs::write(&path, text).unwrap();
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == text,
        "docs/{name} is not what the code says: run this test with GREYLAG_WRITE_DOCS=1"
    );
}

fn rules_page() -> String {
    let mut page = String::from(
        "# The rules of the lint\n\nMade from the rules themselves; each `bad` and `good` file runs on the real engine in a test. A finding of severity \
         error holds its migration unless the file says\n`-- greylag:allow RULE because REASON`. `[lint] severity` sets how grave a rule is, or switches it off. \
         What operations do on a server is on a page of its own:\n[Effects](effects.md).\n",
    );
    for (group, title) in GROUPS {
        writeln!(
            page,
            "\n## {title}\n\n| rule | severity | finds |\n|---|---|---|"
        )
        .unwrap();
        for rule in of(group) {
            writeln!(
                page,
                "| [`{0}`](#{0}) | {1} | {2} |",
                rule.id,
                severity(rule),
                rule.title
            )
            .unwrap();
        }
        for rule in of(group) {
            section(&mut page, rule);
        }
    }
    page += "\n## Rules of squawk\n\nWhat [squawk](https://squawkhq.com) finds on PostgreSQL and no rule above covers. Most are a matter of style, and off.\n\n\
             | rule | severity | finds |\n|---|---|---|\n";
    for rule in of(Group::Squawk) {
        writeln!(
            page,
            "| `{}` | {} | {} |",
            rule.id,
            severity(rule),
            rule.title
        )
        .unwrap();
    }
    page
}

fn of(group: Group) -> impl Iterator<Item = &'static Rule> {
    rules::all()
        .iter()
        .copied()
        .filter(move |rule| rule.group == group)
}

fn severity(rule: &Rule) -> &'static str {
    rule.severity.map_or("off", |severity| severity.as_str())
}

fn section(page: &mut String, rule: &Rule) {
    let engines: Vec<&str> = Engine::ALL
        .into_iter()
        .filter(|e| rule.dialects.contains(&e.dialect()))
        .map(Engine::title)
        .collect();
    writeln!(
        page,
        "\n### {}\n\n{} · {}\n\n{}",
        rule.id,
        severity(rule),
        engines.join(", "),
        rule.about
    )
    .unwrap();
    for (name, text) in [("It speaks about", rule.bad), ("and not about", rule.good)] {
        let example = Example::parse(text).unwrap();
        let judged: Vec<&str> = example
            .files
            .iter()
            .filter(|file| file.judged)
            .map(|file| file.text.trim_end())
            .collect();
        if judged.is_empty() {
            continue;
        }
        let all = judged.join("\n-- the next file\n");
        let lines: Vec<&str> = all.lines().collect();
        let shown = if lines.len() > 14 {
            format!("{}\n-- …", lines[..10].join("\n"))
        } else {
            all
        };
        writeln!(page, "\n{name}\n\n```sql\n{shown}\n```").unwrap();
    }
}

fn effects_page() -> String {
    let mut page = String::from(
        "# What changes of the schema do\n\nThe tables behind the lint's findings. `cargo test -p greylag-lint --test effects` runs them on the servers at hand (PostgreSQL, MySQL, MariaDB; \
         a standby with a reader) and compares.\nPostgreSQL 14, 15, 16, 17 and 18 do all of it the same way, and MariaDB 10.11, 11.4 and 11.8 what is said of them, as measured with GREYLAG_FULL=1; \
         `(N and later)` says where a version lacks it.\nNot measured: MariaDB's work on partitions, and what older versions of MySQL and MariaDB do, which is as documented.\n\n\
         ## PostgreSQL\n\n`reads all`: the whole table is read under the lock. `replicas`: the replayed lock cancels queries of a standby on the table, or on its index.\n\n\
         `log`: how much goes into the WAL. `phase`: where in a change it belongs; `any` also in a backfill, `expand` also in a contract.\n\n\
         | operation | locks | writes anew | reads all | log | replicas | phase |\n|---|---|---|---|---|---|---|\n",
    );
    for effect in effects::all(Dialect::Postgres) {
        let locks: Vec<String> = effect
            .locks
            .iter()
            .map(|(role, lock)| format!("{}: {lock}", role_name(*role)))
            .collect();
        let rewrite = match effect.rewrite {
            Rewrite::None => "",
            Rewrite::Indexes => "indexes",
            Rewrite::Table => "table and indexes",
        };
        let standby = match effect.standby {
            StandbyEffect::None => "",
            StandbyEffect::Table => "cancels",
            StandbyEffect::Index => "cancels (index)",
        };
        let scan = if effect.scan { "yes" } else { "" };
        let log = match effect.wal {
            Wal::Small => "",
            Wal::Index => "an index",
            Wal::Indexes => "its indexes",
            Wal::Table => "table and indexes",
            Wal::Rows => "rows",
        };
        let since = effect.since;
        let since = since.map(|since| format!(" ({} and later)", since.major));
        let since = since.unwrap_or_default();
        for form in &effect.does {
            let phase = match form.phase {
                Fits::Any => "any",
                Fits::Expand => "expand",
                Fits::Contract => "contract",
            };
            writeln!(
                page,
                "| {}{since} | {} | {rewrite} | {scan} | {log} | {standby} | {phase} |",
                form.title,
                locks.join("<br>")
            )
            .unwrap();
        }
    }
    page += "\n## MySQL and MariaDB\n\nHow each clause of an ALTER TABLE is carried out, newest version first. `writes wait`: also where it is in place.\n\n\
             | clause | MySQL | MariaDB |\n|---|---|---|\n";
    for clause in effects::clauses(Engine::Mysql) {
        let other = effects::clauses(Engine::Mariadb)
            .iter()
            .find(|other| other.id == clause.id)
            .unwrap();
        writeln!(
            page,
            "| {} | {} | {} |",
            clause.title,
            ways(clause),
            ways(other)
        )
        .unwrap();
    }
    page
}

fn ways(clause: &effects::Clause) -> String {
    let ways = clause.ways().map(|(since, algorithm, waits)| {
        let name = match algorithm {
            Algorithm::Instant => "instant",
            Algorithm::InplaceMetadata => "in place, dictionary only",
            Algorithm::InplaceBuild => "in place, builds an index",
            Algorithm::InplaceRebuild => "in place, writes the table anew",
            Algorithm::Copy => "copy",
        };
        let waits = if waits && algorithm != Algorithm::Copy {
            ", writes wait"
        } else {
            ""
        };
        match since {
            Some(since) => format!("{name}{waits} ({since} and later)"),
            None => format!("{name}{waits}"),
        }
    });
    ways.collect::<Vec<_>>().join("<br>")
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Target => "table",
        Role::Referenced => "referenced",
        Role::Parent => "partitioned table",
        Role::Partition => "partition",
        Role::Index => "index",
    }
}
