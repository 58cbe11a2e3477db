//! `[rollout]` and `[lock]`: how a rollout goes out.

use super::{
    replica::choose,
    section::{At, Section, integer},
};
use crate::gates::CheckRule;
use greylag_core::policy::{Budget, Group, Policy, Retry, Size, WaveRule};
use greylag_core::{fleet::Selector, window::Window};
use std::{collections::BTreeSet, time::Duration};

/// What holds where nothing is said: one canary, a small batch, then the rest.
pub(crate) fn usual() -> Policy {
    Policy {
        waves: WaveRule::usual(),
        max_in_flight: 8,
        max_per_host: 8,
        failure_budget: Budget::Shards(0),
        group: Group::Auto,
        out_of_order: false,
        retry: Retry {
            attempts: 5,
            base: Duration::from_millis(250),
            cap: Duration::from_secs(10),
        },
        lock_timeout: Duration::from_secs(2),
        lock_deadline: Duration::from_secs(600),
        windows: Vec::new(),
        checks: Vec::new(),
        online: Default::default(),
    }
}

pub(crate) fn read_rollout(section: Section<'_>, policy: &mut Policy) {
    if let Some(n) = section.number("max-in-flight", 1) {
        policy.max_in_flight = n;
        policy.max_per_host = n;
    }
    if let Some(n) = section.number("max-per-host", 1) {
        policy.max_per_host = n;
    }
    if let Some(budget) = budget(&section) {
        policy.failure_budget = budget;
    }
    if let Some(group) = section.string("group") {
        let chosen = choose(
            &section,
            "group",
            Some(group),
            &[
                ("auto", Choice(Group::Auto)),
                ("always", Choice(Group::Always)),
                ("never", Choice(Group::Never)),
            ],
        );
        policy.group = chosen.0;
    }
    if let Some(allowed) = section.boolean("out-of-order") {
        policy.out_of_order = allowed;
    }
    if let Some(retry) = section.section("retry", "`retry`") {
        if let Some(n) = retry.number("attempts", 0) {
            policy.retry.attempts = n;
        }
        if let Some(base) = retry.duration("base") {
            policy.retry.base = base;
        }
        if let Some(cap) = retry.duration("cap") {
            policy.retry.cap = cap;
        }
        retry.finish();
    }
    let found = section.strings("windows").unwrap_or_default();
    policy.windows = windows(&section, found);
    let waves = section.sections("wave", "[[rollout.wave]]");
    if !waves.is_empty() {
        policy.waves = read_waves(waves);
    }
    section.finish();
}

pub(crate) fn read_lock(section: Section<'_>, policy: &mut Policy) {
    if let Some(timeout) = section.duration("timeout") {
        policy.lock_timeout = timeout;
        if timeout.is_zero() {
            section.problems().add(
                section.place("timeout"),
                "a lock timeout of zero would wait for ever",
                "write a short one, such as `timeout = \"2s\"`; greylag tries again until the deadline"
                    .to_owned(),
            );
        }
    }
    if let Some(deadline) = section.duration("deadline") {
        policy.lock_deadline = deadline;
    }
    section.finish();
}

/// Checked windows, as written.
pub(crate) fn windows(section: &Section<'_>, found: Vec<At<String>>) -> Vec<String> {
    for window in &found {
        if let Err(error) = window.value.parse::<Window>() {
            section
                .problems()
                .add(window.span.clone(), error.to_string(), None);
        }
    }
    found.into_iter().map(|window| window.value).collect()
}

pub(crate) fn name_checks(policy: &mut Policy, checks: &[CheckRule]) {
    policy.checks = checks.iter().map(|check| check.name.clone()).collect();
}

/// `2%` and `12.5%`, in hundredths of a percent.
pub(crate) fn percent(text: &str) -> Option<u32> {
    let number = text.trim().strip_suffix('%')?.trim();
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || part.len() > 2 || !digits(whole) || !digits(part) {
        return None;
    }
    let hundredths =
        whole.parse::<u32>().ok()?.checked_mul(100)? + format!("{part:0<2}").parse::<u32>().ok()?;
    (hundredths <= 10_000).then_some(hundredths)
}

#[derive(Clone, Copy)]
struct Choice(Group);

impl Default for Choice {
    fn default() -> Self {
        Choice(Group::Auto)
    }
}

fn budget(section: &Section<'_>) -> Option<Budget> {
    let key = "failure-budget";
    let value = section.value(key)?;
    if let Some(text) = value.get_ref().as_str() {
        if let Some(share) = percent(text) {
            return Some(Budget::Percent(share));
        }
    } else if integer(value.get_ref()).is_some() {
        return section.number(key, 0).map(Budget::Shards);
    }
    let hint = "write a number of shards, `failure-budget = 2`, or a share, `\"2%\"`";
    section.problems().add(
        value.span(),
        "`failure-budget` is neither a number of shards nor a share",
        hint.to_owned(),
    );
    None
}

fn read_waves(sections: Vec<Section<'_>>) -> Vec<WaveRule> {
    let mut names = BTreeSet::new();
    let mut waves: Vec<WaveRule> = Vec::new();
    let mut rest: Option<String> = None;
    for section in sections {
        let problems = section.problems();
        let name = section.required("name", "write `name = \"canary\"`");
        let select = section.string("select");
        if let Some(select) = &select
            && let Err(error) = select.value.parse::<Selector>()
        {
            problems.add(
                select.span.clone(),
                format!("`select` has {} at character {}, where {} is expected", error.found, error.at, error.expected),
                "selectors look like `tier=canary`, `region in (eu, us)` or `tier=canary, region!=us`"
                    .to_owned(),
            );
        }
        let size = size(&section);
        let soak = section.duration("soak").unwrap_or_default();
        let approval = section.boolean("approval").unwrap_or_default();
        if let Some(name) = &name {
            if !names.insert(name.value.clone()) {
                let message = format!("two waves are named `{}`", name.value);
                problems.add(name.span.clone(), message, None);
            }
            if let Some(before) = &rest {
                problems.add(
                    section.span.clone(),
                    format!(
                        "the wave `{}` gets no shard: `{before}` before it takes all that is left",
                        name.value
                    ),
                    format!("give `{before}` a `count`, a `percent` or a `select`, or put it last"),
                );
            }
        }
        section.finish();
        let Some(name) = name else { continue };
        if size == Size::Rest && select.is_none() {
            rest.get_or_insert_with(|| name.value.clone());
        }
        waves.push(WaveRule {
            name: name.value,
            select: select.map(|at| at.value),
            size,
            soak,
            approval,
        });
    }
    if rest.is_none() && !waves.is_empty() {
        // No shard is ever left out because a list of waves was too short.
        let taken = |name: &str| names.contains(name);
        let name = ["fleet", "rest", "what is left"]
            .into_iter()
            .find(|name| !taken(name))
            .unwrap_or("what is left of the fleet");
        waves.push(WaveRule {
            name: name.into(),
            select: None,
            size: Size::Rest,
            soak: Duration::ZERO,
            approval: false,
        });
    }
    waves
}

fn size(section: &Section<'_>) -> Size {
    let count = section.number("count", 1);
    let share = section.value("percent").and_then(|value| {
        let found = match (
            value.get_ref().as_str(),
            value.get_ref().as_integer(),
            value.get_ref().as_float(),
        ) {
            (Some(text), ..) => percent(text).or_else(|| percent(&format!("{text}%"))),
            (_, Some(n), _) => percent(&format!("{n}%")),
            (.., Some(n)) => percent(&format!("{n}%")),
            _ => None,
        };
        if found.is_none_or(|share| share == 0) {
            section.problems().add(
                value.span(),
                "`percent` is no share of the fleet",
                "write a number above 0 and up to 100, such as `percent = 10`".to_owned(),
            );
        }
        found
    });
    match (count, share) {
        (Some(_), Some(_)) => {
            section.problems().add(
                section.place("percent"),
                "a wave has `count` or `percent`, not both",
                None,
            );
            Size::Rest
        }
        (Some(n), None) => Size::Count(n),
        (None, Some(n)) => Size::Percent(n),
        (None, None) => Size::Rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_read_in_hundredths_of_a_percent() {
        assert_eq!(percent("2%"), Some(200));
        assert_eq!(percent("12.5%"), Some(1250));
        assert_eq!(percent("0.25 %"), Some(25));
        for wrong in ["2", "101%", "%", "-1%", "1.234%", "x%"] {
            assert_eq!(percent(wrong), None, "{wrong}");
        }
    }
}
