//! `greylag.toml`: it is understood whole, or every mistake has a place; and no password is ever shown.

use super::Target;
use greylag_orchestrator::project::{ConfigError, parse_duration, read, show_duration};
use std::{path::Path, time::Duration};

/// A password that the seeds hold.
const SECRET: &str = "hunter2";

pub(super) const TARGET: Target = Target {
    name: "project",
    holds: "understood whole, or every mistake has its place; passwords stay hidden",
    check,
    words: &[
        "project = \"orders\"\n",
        "environment = \"production\"\n",
        "migrations = \"migrations\"\n",
        "migrations = [\"a\", \"b\"]\n",
        "history-table = \"flyway_schema_history\"\n",
        "connect-timeout = \"5s\"\n",
        "[state]\n",
        "url = \"sqlite:.greylag/state.db\"\n",
        "[[shard]]\n",
        "name = \"eu-1\"\n",
        "primary = \"postgres://greylag:hunter2@10.0.0.1:5432/orders?sslmode=require\"\n",
        "primary = \"mysql://u@h/d\"\n",
        "primary = \"mariadb://u@[::1]:3306/d\"\n",
        "primary = \"sqlite:a.db\"\n",
        "replicas = [\"postgres://h/d\"]\n",
        "replicas = \"auto\"\n",
        "replicas = [{ name = \"a\", url = \"postgres://h/d\", role = \"delayed\", policy = \"ignore\", until = \"2026-01-01\", reason = \"r\" }]\n",
        "schema = \"tenant\"\n",
        "password = { env = \"PW\" }\n",
        "password = { file = \"/run/pw\" }\n",
        "password = { command = [\"vault\"], ttl = \"10m\" }\n",
        "password = \"hunter2\"\n",
        "host = \"rack-3\"\n",
        "labels = { region = \"eu\" }\n",
        "[[discover]]\n",
        "kind = \"sql\"\n",
        "kind = \"file\"\n",
        "kind = \"glob\"\n",
        "kind = \"command\"\n",
        "kind = \"databases\"\n",
        "kind = \"schemas\"\n",
        "kind = \"kubernetes\"\n",
        "query = \"SELECT 1\"\n",
        "path = \"x.csv\"\n",
        "pattern = \"%\"\n",
        "[session]\n",
        "postgres = [\"SET x = 1\"]\n",
        "[rollout]\n",
        "max-in-flight = 8\n",
        "max-per-host = 2\n",
        "failure-budget = \"2%\"\n",
        "group = \"auto\"\n",
        "windows = [\"Mon-Fri 22:00-05:00 Europe/Berlin\"]\n",
        "[[rollout.wave]]\n",
        "select = \"tier=canary\"\n",
        "count = 1\n",
        "percent = 10\n",
        "soak = \"5m\"\n",
        "approval = true\n",
        "checks = [\"a\"]\n",
        "[replicas]\n",
        "wait = \"all\"\n",
        "wait = 1\n",
        "max-lag = \"5s\"\n",
        "[lock]\n",
        "timeout = \"2s\"\n",
        "deadline = \"10m\"\n",
        "[backfill]\n",
        "batch-time = \"200ms\"\n",
        "max-rows-per-second = 20000\n",
        "[[check]]\n",
        "http = \"http://127.0.0.1/ok\"\n",
        "sql = \"SELECT true\"\n",
        "[placeholders]\n",
        "[lint]\n",
        "99999999999d",
        "-1",
        "1e308",
        "'''",
        "\"\"\"",
        "{",
        "}",
        "[",
        "]",
        "#",
        "=",
        "inf",
        "1979-05-27",
    ],
    seeds: "project",
    corpora: &[],
    by_name: false,
};

fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match read(Path::new("/project/greylag.toml"), &text) {
        Ok(project) => {
            let shown = format!("{project:?}");
            assert!(
                !is_hidden(&text) || !shown.contains(SECRET),
                "the project shows its password"
            );
        }
        Err(error) => tells_its_mistakes(&text, &error),
    }
    if let Ok(duration) = parse_duration(&text) {
        let shown = show_duration(duration);
        let again =
            parse_duration(&shown).unwrap_or_else(|error| panic!("{shown} is refused: {error}"));
        // It is shown in its two largest units.
        assert!(
            again <= duration && duration - again < Duration::from_secs(3_600),
            "{duration:?} is shown as {shown}"
        );
        assert_eq!(show_duration(again), shown);
    }
}

fn tells_its_mistakes(text: &str, error: &ConfigError) {
    assert!(!error.problems.is_empty(), "refused, and no mistake told");
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text.matches('\n').count() + 1;
    for problem in &error.problems {
        assert!(
            problem.span.start <= problem.span.end && problem.span.end <= text.len(),
            "{problem:?}"
        );
        assert!(
            (1..=lines).contains(&problem.line) && problem.column >= 1,
            "{problem:?}"
        );
        assert_eq!(
            problem.text().len(),
            text.len(),
            "the shown text must keep every byte's place"
        );
        assert!(
            problem.text().get(problem.span.clone()).is_some(),
            "the span cuts a character: {problem:?}"
        );
        if is_hidden(text) {
            let shown = format!("{problem} {:?} {}", problem.hint, problem.text());
            assert!(
                !shown.contains(SECRET),
                "a mistake shows the password: {shown}"
            );
        }
    }
}

/// Whether the password stands only where one is known as such: in a URL, before its host, or alone under its key. Where a
/// value goes on over lines, a line is not what it seems.
fn is_hidden(text: &str) -> bool {
    let goes_on = |line: &str| {
        line.matches('[').count() != line.matches(']').count()
            || line.contains("\"\"\"")
            || line.contains("'''")
    };
    let known = |line: &str| {
        line.matches(SECRET).count() == 1
            && (line.contains("\"postgres://greylag:hunter2@") || line == "password = \"hunter2\"")
    };
    text.contains(SECRET)
        && !text.lines().any(goes_on)
        && text.lines().filter(|line| line.contains(SECRET)).all(known)
}
