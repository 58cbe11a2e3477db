//! `[[check]]`: gates of the project's own.

use super::section::{At, Section};
use crate::gates::{CheckRule, Probe};
use greylag_core::fleet::ShardName;
use std::{collections::BTreeSet, path::Path, time::Duration};
use url::Url;

/// A check is asked no more often: each answer that differs from the last is an event.
const EAGER: Duration = Duration::from_secs(1);

pub(crate) fn read(sections: Vec<Section<'_>>, folder: &Path) -> Vec<CheckRule> {
    let mut names = BTreeSet::new();
    let mut checks = Vec::new();
    for section in sections {
        let problems = section.problems();
        let name = section.required("name", "write `name = \"error rate\"`");
        if let Some(name) = &name
            && !names.insert(name.value.clone())
        {
            let message = format!("two checks are named `{}`", name.value);
            problems.add(name.span.clone(), message, None);
        }
        let probe = probe(&section, folder);
        let timeout = section
            .duration("timeout")
            .unwrap_or(Duration::from_secs(10));
        let every = section.duration("every").unwrap_or(Duration::from_secs(10));
        section.finish();
        if let (Some(name), Some(probe)) = (name, probe) {
            checks.push(CheckRule {
                name: name.value,
                probe,
                timeout,
                every: every.max(EAGER),
            });
        }
    }
    checks
}

fn probe(section: &Section<'_>, folder: &Path) -> Option<Probe> {
    let problems = section.problems();
    let sql = section.string("sql");
    let http = section.string("http");
    let command = section.strings("command");
    let named = section.strings("shards");
    if named.is_some() && sql.is_none() {
        let hint = "only a `sql` check is asked on shards".to_owned();
        problems.add(section.place("shards"), "`shards` belongs to `sql`", hint);
    }
    let mut shards = Vec::new();
    for name in named.unwrap_or_default() {
        match name.value.parse::<ShardName>() {
            Ok(name) => shards.push(name),
            Err(error) => problems.add(name.span, error.to_string(), None),
        }
    }
    match (sql, http, command) {
        (Some(sql), None, None) => Some(Probe::Sql {
            query: sql.value,
            shards,
        }),
        (None, Some(http), None) => web(section, http),
        (None, None, Some(argv)) if !argv.is_empty() => Some(Probe::Command {
            argv: argv.into_iter().map(|at| at.value).collect(),
            folder: folder.to_owned(),
        }),
        _ => {
            problems.add(
                section.span.clone(),
                "a check has exactly one of `sql`, `http` and `command`",
                "write `sql = \"SELECT …\"`, `http = \"https://…\"` or `command = [\"./ready\"]`"
                    .to_owned(),
            );
            None
        }
    }
}

fn web(section: &Section<'_>, http: At<String>) -> Option<Probe> {
    let why = match Url::parse(&http.value) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => {
            return Some(Probe::Http { url });
        }
        Ok(url) => format!("`{}:` is not http or https", url.scheme()),
        Err(error) => error.to_string(),
    };
    section.problems().add(
        http.span,
        format!("`http`: {why}"),
        "write `http = \"https://host/path\"`".to_owned(),
    );
    None
}
