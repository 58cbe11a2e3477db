//! Directives and `.conf` files: what is understood reads back the same, and every fault has a place in the file.

use super::Target;
use greylag_core::migration::{
    Directives, Migration, MigrationError, Phase, ScriptConfig, parse_duration,
};
use std::fmt::Write as _;

pub(super) const TARGET: Target = Target {
    name: "directives",
    holds: "what is understood reads back the same; faults lie in the file",
    check,
    words: &[
        "-- greylag:",
        "--greylag:",
        "/* greylag:",
        "# greylag:",
        "-- GREYLAG:",
        "phase expand\n",
        "phase backfill\n",
        "phase contract\n",
        "change orders-total\n",
        "transaction off\n",
        "transaction on\n",
        "requires-app web >= 2.4\n",
        "lock-timeout 500ms\n",
        "lock-timeout 1.5s\n",
        "allow RULE because REASON\n",
        "verify SELECT 1;\n",
        "table orders\n",
        "online auto\n",
        "subscribers run\n",
        "subscribers skip\n",
        "fase x\n",
        " because ",
        ":batch",
        "SELECT 1;\n",
        "/*",
        "*/",
        "/*!",
        "executeInTransaction=false\n",
        "placeholderReplacement=true\n",
        "encoding=UTF-8\n",
        "shouldExecute=false\n",
        "outputQueryResults=true\n",
        "9999999999999999999d",
        "0.000000001d",
        "!comment\n",
        "\u{feff}",
    ],
    seeds: "directives",
    corpora: &["_postgres", "_mysql", "_sqlite"],
    by_name: false,
};

fn check(bytes: &[u8]) {
    // One input is the file; what stands behind a NUL is its `.conf`.
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let (file, conf) = (parts.next().unwrap_or_default(), parts.next());
    let conf = conf.map(|conf| ("V1__x.sql.conf", conf));
    match Migration::read("V1__x.sql", file, conf) {
        Ok(migration) => {
            reads_back(&migration);
            says_the_same_with_more_behind(&migration, file);
        }
        Err(errors) => {
            assert!(!errors.is_empty(), "refused, and no fault told");
            errors.iter().for_each(lies_in_its_file);
        }
    }
    if let Ok(text) = std::str::from_utf8(file) {
        if let Err(errors) = ScriptConfig::parse("V1__x.sql.conf", text) {
            errors.iter().for_each(lies_in_its_file);
        }
        if let Ok(duration) = parse_duration(text) {
            let nanos = duration.as_nanos();
            let again = format!("{}.{:06}ms", nanos / 1_000_000, nanos % 1_000_000);
            assert_eq!(parse_duration(&again), Ok(duration), "{text:?} is {again}");
        }
    }
}

fn lies_in_its_file(error: &MigrationError) {
    assert!(
        error.text.get(error.span.clone()).is_some(),
        "the span lies outside: {error:?}"
    );
    let ends = |c: &char| matches!(c, '\n' | '\r');
    let lines = error.text.chars().filter(ends).count() + 1;
    assert!(
        (1..=lines).contains(&(error.position.line as usize)),
        "{error:?}"
    );
    assert!(!error.to_string().is_empty());
}

fn reads_back(migration: &Migration) {
    let text = print(&migration.directives);
    let again = Migration::read("V1__x.sql", text.as_bytes(), None).unwrap_or_else(|errors| {
        panic!(
            "{:?}, written again as {text:?}, is refused: {}",
            migration.directives, errors[0]
        )
    });
    assert_eq!(
        again.directives, migration.directives,
        "written again as {text:?}"
    );
}

/// A directive belongs to the top: a statement behind all that is said adds nothing.
fn says_the_same_with_more_behind(migration: &Migration, file: &[u8]) {
    let more = [file, b"\n-- the end\n"].concat();
    let Ok(more) = Migration::read("V1__x.sql", &more, None) else {
        panic!("a comment behind it makes it a fault");
    };
    assert_eq!(more.directives, migration.directives);
}

fn print(directives: &Directives) -> String {
    let mut text = String::new();
    let mut say = |name: &str, value: &str| {
        let _ = writeln!(text, "-- greylag:{name} {value}");
    };
    say("phase", directives.phase.as_str());
    if let Some(change) = &directives.change {
        say("change", change);
    }
    if let Some(transaction) = directives.transaction {
        say("transaction", if transaction { "on" } else { "off" });
    }
    directives
        .requires_app
        .iter()
        .for_each(|app| say("requires-app", app));
    if let Some(timeout) = directives.lock_timeout {
        let nanos = timeout.as_nanos();
        say(
            "lock-timeout",
            &format!("{}.{:06}ms", nanos / 1_000_000, nanos % 1_000_000),
        );
    }
    for allow in &directives.allow {
        say(
            "allow",
            &format!("{} because {}", allow.rule, allow.because),
        );
    }
    directives
        .verify
        .iter()
        .for_each(|verify| say("verify", verify));
    if let Some(table) = &directives.table {
        say("table", table);
    }
    if let Some(online) = &directives.online {
        say("online", online);
    }
    if let Some(said) = directives.subscribers {
        say("subscribers", said.as_str());
    }
    if directives.phase == Phase::Backfill {
        text.push_str("UPDATE t SET x = 1 WHERE :batch;\n");
    }
    text
}
