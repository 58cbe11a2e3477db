//! What other programs read: SARIF as its schema has it, GitLab's Code Quality report and GitHub's workflow commands as they
//! are documented.

use crate::place::Place;
use serde_json::Value;
use std::collections::BTreeSet;

/// A project whose names and files are as awkward as can be.
fn awkward() -> Place {
    let place = Place::empty();
    place.write(
        "greylag.toml",
        "project = \"p\"\n[[shard]]\nname = \"eu-1\"\nprimary = \"postgres://greylag@127.0.0.1:1/orders\"\n",
    );
    std::fs::create_dir(place.path("migrations")).unwrap();
    for (name, text) in [
        (
            "V1__orders.sql",
            "CREATE TABLE \"50 %: a,b\" (id bigint PRIMARY KEY, v text);\n",
        ),
        (
            "V2__a b, c%20d: é.sql",
            "CREATE INDEX i ON \"50 %: a,b\" (v);\nCREATE INDEX j ON \"50 %: a,b\"\n  (v);\nDO $$ BEGIN END $$;\n",
        ),
        // Twice the same, and no end of line.
        (
            "V3__twice.sql",
            "DROP INDEX i; DROP INDEX i;\nVACUUM FULL \"50 %: a,b\"",
        ),
        (
            "V4__allowed.sql",
            "-- greylag:allow expand-drops because nobody reads it\nDROP TABLE old;\n",
        ),
        ("V5__broken.sql", "CREATE TABLE t (id int"),
        ("V6__empty.sql", ""),
    ] {
        place.write(&format!("migrations/{name}"), text);
    }
    place
}

#[test]
fn sarif_is_what_its_schema_allows() {
    let text = awkward().out("lint --format sarif", 5);
    let log: Value = serde_json::from_str(&text).unwrap();
    let mut wrong = Vec::new();
    check("log", LOG, &log, "$", &mut wrong);
    assert!(wrong.is_empty(), "{}\n{text}", wrong.join("\n"));
    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let ids: BTreeSet<&str> = rules
        .iter()
        .filter_map(|rule| rule["id"].as_str())
        .collect();
    assert_eq!(ids.len(), rules.len(), "a rule twice");
    let results = run["results"].as_array().unwrap();
    assert!(results.len() > 5);
    let mut fingerprints = BTreeSet::new();
    for result in results {
        let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
        let print = result["partialFingerprints"]["greylag/v1"]
            .as_str()
            .unwrap();
        assert!(
            fingerprints.insert(print),
            "one fingerprint twice: {result}"
        );
        let region = &result["locations"][0]["physicalLocation"]["region"];
        let at = |name: &str| region[name].as_u64().unwrap();
        let (start, end) = (
            (at("startLine"), at("startColumn")),
            (at("endLine"), at("endColumn")),
        );
        assert!(start <= end, "{region}");
    }
    let allowed: Vec<&Value> = results
        .iter()
        .filter(|r| !r["suppressions"].is_null())
        .collect();
    assert_eq!(allowed.len(), 1);
    assert_eq!(
        allowed[0]["suppressions"][0]["justification"],
        "nobody reads it"
    );
    assert!(
        !run["invocations"][0]["toolExecutionNotifications"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}

/// An object of SARIF 2.1.0: its properties, each with what it must be. `*` is required; `[…]` an array of such; `…|…` one of
/// these words; a name in capitals another object; nothing else may be there.
type Shape = &'static [(&'static str, &'static str)];

const LOG: Shape = &[
    ("$schema", "uri"),
    ("*version", "2.1.0"),
    ("*runs", "[RUN]"),
];
const RUN: Shape = &[
    ("*tool", "TOOL"),
    ("columnKind", "utf16CodeUnits|unicodeCodePoints"),
    ("invocations", "[INVOCATION]"),
    ("results", "[RESULT]"),
];
const TOOL: Shape = &[("*driver", "DRIVER")];
const DRIVER: Shape = &[
    ("*name", "text"),
    ("version", "text"),
    ("semanticVersion", "text"),
    ("informationUri", "uri"),
    ("rules", "[DESCRIPTOR]"),
];
const DESCRIPTOR: Shape = &[
    ("*id", "text"),
    ("shortDescription", "STRING"),
    ("fullDescription", "STRING"),
    ("help", "STRING"),
    ("helpUri", "uri"),
    ("defaultConfiguration", "CONFIGURATION"),
    ("properties", "BAG"),
];
const STRING: Shape = &[("*text", "text")];
const CONFIGURATION: Shape = &[("level", LEVEL), ("enabled", "boolean")];
const LEVEL: &str = "none|note|warning|error";
const BAG: Shape = &[
    ("tags", "[text]"),
    ("engine", "text"),
    ("decided", "text"),
    ("traced", "text"),
];
const INVOCATION: Shape = &[
    ("*executionSuccessful", "boolean"),
    ("toolExecutionNotifications", "[NOTIFICATION]"),
];
const NOTIFICATION: Shape = &[
    ("*message", "STRING"),
    ("level", LEVEL),
    ("locations", "[LOCATION]"),
];
const RESULT: Shape = &[
    ("*message", "STRING"),
    ("ruleId", "text"),
    ("ruleIndex", "from 0"),
    ("level", LEVEL),
    ("locations", "[LOCATION]"),
    ("partialFingerprints", "PRINTS"),
    ("suppressions", "[SUPPRESSION]"),
    ("properties", "BAG"),
];
const PRINTS: Shape = &[("greylag/v1", "text")];
const SUPPRESSION: Shape = &[
    ("*kind", "inSource|external"),
    ("status", "accepted|underReview|rejected"),
    ("justification", "text"),
];
const LOCATION: Shape = &[("physicalLocation", "PHYSICAL")];
const PHYSICAL: Shape = &[("artifactLocation", "ARTIFACT"), ("region", "REGION")];
const ARTIFACT: Shape = &[("uri", "reference"), ("uriBaseId", "text")];
const REGION: Shape = &[
    ("startLine", "from 1"),
    ("startColumn", "from 1"),
    ("endLine", "from 1"),
    ("endColumn", "from 1"),
];

fn object(name: &str) -> Option<Shape> {
    Some(match name {
        "RUN" => RUN,
        "TOOL" => TOOL,
        "DRIVER" => DRIVER,
        "DESCRIPTOR" => DESCRIPTOR,
        "STRING" => STRING,
        "CONFIGURATION" => CONFIGURATION,
        "BAG" => BAG,
        "INVOCATION" => INVOCATION,
        "NOTIFICATION" => NOTIFICATION,
        "RESULT" => RESULT,
        "PRINTS" => PRINTS,
        "SUPPRESSION" => SUPPRESSION,
        "LOCATION" => LOCATION,
        "PHYSICAL" => PHYSICAL,
        "ARTIFACT" => ARTIFACT,
        "REGION" => REGION,
        _ => return None,
    })
}

fn check(name: &str, shape: Shape, value: &Value, at: &str, wrong: &mut Vec<String>) {
    let Some(members) = value.as_object() else {
        return wrong.push(format!("{at}: {name} is no object"));
    };
    for (property, _) in shape
        .iter()
        .filter(|(property, _)| property.starts_with('*'))
    {
        if !members.contains_key(&property[1..]) {
            wrong.push(format!("{at}: {name} lacks {}", &property[1..]));
        }
    }
    for (property, member) in members {
        let known = shape
            .iter()
            .find(|(own, _)| own.trim_start_matches('*') == property);
        match known {
            None => wrong.push(format!("{at}: {name} has no {property}")),
            Some((_, kind)) => fits(kind, member, &format!("{at}.{property}"), wrong),
        }
    }
}

fn fits(kind: &str, value: &Value, at: &str, wrong: &mut Vec<String>) {
    if let Some(inner) = kind.strip_prefix('[') {
        let Some(items) = value.as_array() else {
            return wrong.push(format!("{at} is no array"));
        };
        for (number, item) in items.iter().enumerate() {
            fits(
                inner.trim_end_matches(']'),
                item,
                &format!("{at}[{number}]"),
                wrong,
            );
        }
        return;
    }
    if let Some(shape) = object(kind) {
        return check(kind, shape, value, at, wrong);
    }
    let text = value.as_str();
    let fine = match kind {
        "text" => text.is_some_and(|text| !text.is_empty()),
        "uri" => text.is_some_and(|text| text.starts_with("https://")),
        // No blanks, no letters beyond ASCII, and each % begins an escape.
        "reference" => text.is_some_and(|text| {
            let escaped = |(at, _): (usize, &str)| {
                text[at + 1..]
                    .chars()
                    .take(2)
                    .filter(char::is_ascii_hexdigit)
                    .count()
                    == 2
            };
            let legal = |c: char| c.is_ascii_alphanumeric() || "-._~/%".contains(c);
            !text.is_empty() && text.chars().all(legal) && text.match_indices('%').all(escaped)
        }),
        "boolean" => value.is_boolean(),
        "from 0" => value.is_u64(),
        "from 1" => value.as_u64().is_some_and(|number| number >= 1),
        words => text.is_some_and(|text| words.split('|').any(|word| word == text)),
    };
    if !fine {
        wrong.push(format!("{at}: {value} is no {kind}"));
    }
}

#[test]
fn a_code_quality_report_is_what_gitlab_reads() {
    let place = awkward();
    let text = place.out("lint --format gitlab", 5);
    let report: Value = serde_json::from_str(&text).unwrap();
    let mut seen = BTreeSet::new();
    for issue in report.as_array().unwrap() {
        for part in ["description", "check_name", "fingerprint"] {
            assert!(
                issue[part].as_str().is_some_and(|text| !text.is_empty()),
                "{issue}"
            );
        }
        assert!(
            seen.insert(issue["fingerprint"].as_str().unwrap()),
            "twice: {issue}"
        );
        let severity = issue["severity"].as_str().unwrap();
        assert!(
            ["info", "minor", "major", "critical", "blocker"].contains(&severity),
            "{issue}"
        );
        let path = issue["location"]["path"].as_str().unwrap();
        assert!(!path.starts_with('/') && !path.starts_with("./"), "{path}");
        assert!(place.path(path).is_file(), "{path}");
        let lines = &issue["location"]["lines"];
        assert!(
            lines["begin"].as_u64().unwrap() >= 1
                && lines["begin"].as_u64() <= lines["end"].as_u64()
        );
    }
    assert!(seen.len() > 4);
    // What moves down keeps its fingerprint.
    let file = "migrations/V2__a b, c%20d: é.sql";
    let moved = format!("-- a comment\n\n{}", place.read(file));
    place.write(file, &moved);
    let again = place.out("lint --format gitlab", 5);
    let again: Value = serde_json::from_str(&again).unwrap();
    let prints = again
        .as_array()
        .unwrap()
        .iter()
        .map(|issue| issue["fingerprint"].as_str().unwrap());
    assert_eq!(prints.collect::<BTreeSet<_>>(), seen);
}

#[test]
fn workflow_commands_are_what_github_reads() {
    let text = awkward().out("lint --format github", 5);
    let mut commands = 0;
    for line in text.lines() {
        commands += 1;
        let rest = line.strip_prefix("::").unwrap_or_else(|| panic!("{line}"));
        let (command, rest) = rest.split_once(' ').unwrap();
        assert!(["error", "warning", "notice"].contains(&command), "{line}");
        let (properties, message) = rest.split_once("::").unwrap();
        assert!(!message.is_empty(), "{line}");
        let mut names = BTreeSet::new();
        // A comma or a colon within a value would end it.
        for property in properties.split(',') {
            let (name, value) = property.split_once('=').unwrap_or_else(|| panic!("{line}"));
            let known = ["file", "line", "endLine", "col", "endColumn", "title"];
            assert!(known.contains(&name) && names.insert(name), "{line}");
            assert!(!value.is_empty() && !value.contains(':'), "{line}");
            if name == "file" {
                assert!(value.starts_with("migrations/V"), "{line}");
            }
        }
        for text in [properties, message] {
            for (at, _) in text.match_indices('%') {
                let code = &text[at..(at + 3).min(text.len())];
                assert!(
                    ["%25", "%0D", "%0A", "%3A", "%2C"].contains(&code),
                    "{code} in {line}"
                );
            }
        }
    }
    assert!(commands > 5);
    assert!(
        text.contains("file=migrations/V2__a b%2C c%2520d%3A é.sql,line=1"),
        "{text}"
    );
}
