//! Selectors: shown, they read back as the same selection.

use super::Target;
use greylag_core::fleet::{Labels, Selector};

pub(super) const TARGET: Target = Target {
    name: "selectors",
    holds: "shown, a selector reads back as the same; its errors point into it",
    check,
    words: &[
        "region",
        "tier",
        "=",
        "==",
        "!=",
        "!",
        " in (",
        " notin (",
        ")",
        ",",
        "eu",
        "canary",
        "in",
        "notin",
        "region in (eu, us)",
        "!tier",
        "\u{a0}",
        "ä",
    ],
    seeds: "selectors",
    corpora: &[],
    by_name: false,
};

fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let selector: Selector = match text.parse() {
        Ok(selector) => selector,
        Err(error) => {
            assert!(
                (1..=text.chars().count() + 1).contains(&error.at),
                "character {} of {text:?}",
                error.at
            );
            assert!(error.to_string().contains(error.expected));
            return;
        }
    };
    let shown = selector.to_string();
    assert_eq!(shown.parse().as_ref(), Ok(&selector), "shown as {shown:?}");
    for labels in LABELS {
        let labels: Labels = labels
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let alone = text.split(',').map(|term| term.parse::<Selector>());
        // Where no term holds a comma, all of them must hold.
        if let Ok(terms) = alone.collect::<Result<Vec<_>, _>>() {
            let all = terms.iter().all(|term| term.matches(&labels));
            assert_eq!(selector.matches(&labels), all, "{labels:?}");
        }
    }
    let denied: Result<Selector, _> = format!("!no-such-label,{shown}").parse();
    assert!(denied.is_ok(), "{shown:?} behind another term is refused");
}

const LABELS: &[&[(&str, &str)]] = &[
    &[],
    &[("region", "eu"), ("tier", "canary")],
    &[("region", "us")],
    &[("in", "in"), ("notin", "x"), ("ä", "ö")],
];
