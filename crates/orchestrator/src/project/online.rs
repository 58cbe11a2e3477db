//! `[online]`: how far changes of tables go on MySQL and MariaDB, and the tools that files may hand them to.

use super::section::{Section, nearest};
use crate::runner::PLACEHOLDERS;
use greylag_core::{
    engine::Engine,
    online::{OnlineDdl, OnlinePolicy, ToolRule},
};

/// Words of `-- greylag:online` that are no tools.
const TAKEN: [&str; 5] = ["auto", "instant", "inplace", "off", "pt-osc"];

pub(crate) fn read(section: Section<'_>) -> OnlinePolicy {
    let usual = OnlinePolicy::default();
    let mut policy = OnlinePolicy {
        ddl: ddl(&section, "ddl").unwrap_or(usual.ddl),
        inplace_up_to: section.size("inplace-up-to").unwrap_or(usual.inplace_up_to),
        copy_up_to: section.size("copy-up-to").unwrap_or(usual.copy_up_to),
        timeout: section.duration("timeout").unwrap_or(usual.timeout),
        ..usual
    };
    for (key, engine) in [("mysql", Engine::Mysql), ("mariadb", Engine::Mariadb)] {
        if let Some(ddl) = ddl(&section, key) {
            policy.engines.insert(engine, ddl);
        }
    }
    for (name, said) in section.words("shards") {
        let problems = section.problems();
        match name.value.parse() {
            Ok(shard) => {
                if let Some(ddl) = word(&section, &said.value, said.span) {
                    policy.shards.insert(shard, ddl);
                }
            }
            Err(error) => problems.add(name.span, format!("{error}"), None),
        }
    }
    if let Some(tools) = section.section("tool", "[online.tool]") {
        for (name, tool) in tools.each() {
            policy.tools.insert(name.clone(), rule(&name, tool));
        }
    }
    section.finish();
    policy
}

fn ddl(section: &Section<'_>, key: &'static str) -> Option<OnlineDdl> {
    let found = section.string(key)?;
    word(section, &found.value, found.span)
}

fn word(section: &Section<'_>, text: &str, span: std::ops::Range<usize>) -> Option<OnlineDdl> {
    let all = [OnlineDdl::Instant, OnlineDdl::Inplace, OnlineDdl::Off];
    let found = all.into_iter().find(|ddl| ddl.as_str() == text);
    if found.is_none() {
        let words = all.map(OnlineDdl::as_str);
        let message = format!("`{text}` is no way to change tables: {}", words.join(", "));
        section.problems().add(span, message, nearest(text, &words));
    }
    found
}

fn rule(name: &str, section: Section<'_>) -> ToolRule {
    let texts = |key: &'static str| -> Option<Vec<String>> {
        let found = section.strings(key)?;
        Some(found.into_iter().map(|at| at.value).collect())
    };
    let known = ToolRule::known(name);
    let command = texts("command").unwrap_or_default();
    // A command line of one's own leaves behind what one says that it does.
    let base = known.clone().filter(|_| command.is_empty());
    let base = base.unwrap_or_default();
    let rule = ToolRule {
        program: section.string("program").map(|at| at.value),
        arguments: texts("arguments").unwrap_or_default(),
        makes: texts("makes").unwrap_or(base.makes),
        keeps: section.string("keeps").map(|at| at.value).or(base.keeps),
        triggers: texts("triggers").unwrap_or(base.triggers),
        keep_old_rows: section.boolean("keep-old-rows"),
        signs: base.signs,
        command,
    };
    let problems = section.problems();
    if TAKEN.contains(&name) {
        problems.add(
            section.span.clone(),
            format!("`{name}` says something else in `-- greylag:online`"),
            "give the tool another name".to_owned(),
        );
    }
    if known.is_none() && rule.command.is_empty() {
        problems.add(
            section.span.clone(),
            format!("the tool `{name}` has no `command`"),
            "write `command = [\"program\", \"--alter={alter}\", …]`".to_owned(),
        );
    }
    if !rule.command.is_empty() && rule.program.is_some() {
        problems.add(
            section.place("program"),
            "a tool has a `command`, which begins with the program, or a `program`",
            None,
        );
    }
    for text in rule.command.iter().chain(&rule.arguments) {
        if let Some(wrong) = unknown_placeholder(text) {
            problems.add(
                section.place("command"),
                format!(
                    "`{{{wrong}}}` is no placeholder: known are {}",
                    PLACEHOLDERS.join(", ")
                ),
                nearest(wrong, &PLACEHOLDERS),
            );
        }
    }
    section.finish();
    rule
}

/// A word in braces that means nothing.
fn unknown_placeholder(text: &str) -> Option<&str> {
    text.split('{').skip(1).find_map(|rest| {
        let name = rest.split_once('}')?.0;
        let plain = |c: char| c.is_ascii_lowercase() || c == '-';
        let is_word = !name.is_empty() && name.chars().all(plain);
        (is_word && !PLACEHOLDERS.contains(&name)).then_some(name)
    })
}
