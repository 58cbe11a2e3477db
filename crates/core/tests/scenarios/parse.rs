//! Reading a scenario's world: sections with indented lines.
//!
//! ```text
//! # What it is about.
//! fleet
//!   eu-[1..3]  host=a region=eu   has V1 V2
//!   us-1       new
//!   us-2       unreachable: connection refused
//!   us-3       replica
//! files
//!   V1__create.sql
//!   V2__drop.sql  phase contract; change orders
//! policy
//!   wave canary: select tier=canary, count 1, soak 5m, approval
//!   budget 2%
//! scope
//!   to 2
//! subscribers
//!   V2  eu-1/mirror: it would stop apply there
//! undo latest
//! ```
//!
//! In a history, `V2!` was applied with another checksum, `V2?` has failed; `baseline 3` begins it there.

use greylag_core::{
    engine::Engine,
    fleet::{Shard, ShardName},
    history::{self, HistoryRow, Reading},
    identity::Refusal,
    migration::{Migration, MigrationId, Set, parse_duration},
    node::NodeName,
    online::OnlineDdl,
    plan::{Candidate, HoldReason, Input, RefusedThere, Seen, UndoTarget},
    policy::{Budget, Group, Policy, Retry, Scope, Size, WaveRule},
};
use std::{path::Path, sync::Arc, time::Duration};

pub struct Scenario {
    shards: Vec<Candidate>,
    files: Vec<Migration>,
    policy: Policy,
    scope: Scope,
    flyway_table: bool,
    first: Vec<ShardName>,
    refused_there: RefusedThere,
    pub direction: Direction,
}

pub enum Direction {
    Forward,
    Undo(UndoTarget),
}

impl Scenario {
    pub fn parse(world: &str, path: &Path) -> Self {
        let section = |name: &str| section(world, name);
        let files: Vec<Migration> = section("files").iter().map(|line| file(line)).collect();
        let set = Set::new(files.clone()).unwrap();
        let mut scenario = Scenario {
            shards: (section("fleet").iter())
                .flat_map(|line| shards(line, &set))
                .collect(),
            files,
            policy: policy(&section("policy")),
            scope: Scope::default(),
            flyway_table: world.lines().any(|line| line == "table flyway"),
            first: Vec::new(),
            refused_there: section("subscribers")
                .iter()
                .map(|line| refused_there(line))
                .collect(),
            direction: Direction::Forward,
        };
        for line in section("scope") {
            match line.split_once(' ').unwrap() {
                ("to", version) => scenario.scope.to = Some(version.parse().unwrap()),
                ("only", names) => {
                    scenario.scope.only =
                        Some(names.split(' ').map(|name| name.parse().unwrap()).collect());
                }
                ("first", names) => {
                    scenario.first = names.split(' ').map(|name| name.parse().unwrap()).collect();
                }
                _ => panic!("{}: scope `{line}`", path.display()),
            }
        }
        for line in world.lines().filter_map(|line| line.strip_prefix("undo ")) {
            scenario.direction = Direction::Undo(match line {
                "latest" => UndoTarget::Latest,
                version => UndoTarget::BackTo(version.parse().unwrap()),
            });
        }
        scenario
    }

    pub fn input(&self) -> Input<'_> {
        Input {
            project: "orders",
            environment: "production",
            shards: self.shards.clone(),
            migrations: &self.files,
            policy: &self.policy,
            scope: &self.scope,
            settings: "",
            flyway_table: self.flyway_table,
            waves: None,
            first: self.first.clone(),
            reviewed: None,
            refused_there: Some(&self.refused_there),
        }
    }
}

/// `V2  eu-1/mirror: why`: what a subscriber refuses.
fn refused_there(line: &str) -> (MigrationId, Vec<HoldReason>) {
    let (id, rest) = line.split_once("  ").unwrap();
    let (node, why) = rest.split_once(": ").unwrap();
    let (shard, node) = node.split_once('/').unwrap();
    let reason = HoldReason::Subscriber {
        nodes: vec![NodeName {
            shard: shard.parse().unwrap(),
            node: node.into(),
        }],
        why: why.to_owned(),
        place: None,
        hint: "Expand and contract instead".to_owned(),
    };
    (id.parse().unwrap(), vec![reason])
}

/// The indented lines after a line that is the section's name.
fn section<'a>(world: &'a str, name: &str) -> Vec<&'a str> {
    world
        .lines()
        .skip_while(|line| *line != name)
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .map(str::trim)
        .collect()
}

/// `V2__drop.sql  phase contract; change orders`: what follows the name are directives.
fn file(line: &str) -> Migration {
    let (name, directives) = line.split_once(' ').unwrap_or((line, ""));
    let mut text: String = directives
        .split(';')
        .filter(|directive| !directive.trim().is_empty())
        .map(|directive| format!("-- greylag:{}\n", directive.trim()))
        .collect();
    text += if directives.contains("phase backfill") {
        "UPDATE orders SET total = 0 WHERE total IS NULL AND :batch;\n"
    } else {
        "SELECT 1;\n"
    };
    Migration::read(name, text.as_bytes(), None)
        .unwrap_or_else(|errors| panic!("{name}: {errors:?}"))
}

/// `eu-[1..3]` stands for three shards that read alike.
fn shards(line: &str, set: &Set) -> Vec<Candidate> {
    let (head, seen) = split_seen(line);
    let mut words = head.split_whitespace();
    let names = names(words.next().unwrap());
    let labels: Vec<(String, String)> = words
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    let seen = seen_of(seen, set, &names[0]);
    names
        .into_iter()
        .map(|name| {
            let said = |word: &str| labels.iter().find(|(key, _)| key == word);
            let host = said("host");
            let engine = said("engine").and_then(|(_, name)| Engine::from_scheme(name));
            Candidate {
                shard: Shard {
                    host: host.map_or(name.as_str(), |(_, host)| host).into(),
                    name,
                    engine: engine.unwrap_or(Engine::Postgres),
                    schema: None,
                    labels: Arc::new(
                        labels
                            .iter()
                            .filter(|(key, _)| key != "host" && key != "engine")
                            .cloned()
                            .collect(),
                    ),
                },
                uuid: None,
                seen: seen.clone(),
            }
        })
        .collect()
}

fn split_seen(line: &str) -> (&str, &str) {
    let starts = ["has", "new", "empty", "unreachable:", "replica"];
    let at = starts
        .iter()
        .filter_map(|word| line.find(&format!(" {word}")))
        .min();
    line.split_at(at.unwrap_or_else(|| panic!("what was seen in `{line}`?")))
}

fn names(text: &str) -> Vec<ShardName> {
    let Some((before, rest)) = text.split_once('[') else {
        return vec![text.parse().unwrap()];
    };
    let (range, after) = rest.split_once(']').unwrap();
    let (from, to) = range.split_once("..").unwrap();
    (from.parse::<u32>().unwrap()..=to.parse().unwrap())
        .map(|number| format!("{before}{number}{after}").parse().unwrap())
        .collect()
}

fn seen_of(text: &str, set: &Set, shard: &ShardName) -> Seen {
    let text = text.trim();
    if let Some(why) = text.strip_prefix("unreachable: ") {
        let why = why.to_owned();
        return Seen::Unreachable { why };
    }
    if text == "replica" {
        let refusal = Refusal::NotPrimary {
            shard: shard.clone(),
            address: "10.0.0.7:5432".to_owned(),
        };
        return Seen::Refused { refusal };
    }
    let history = text.strip_prefix("has").unwrap_or("");
    let words: Vec<&str> = history.split_whitespace().collect();
    Seen::Read {
        reading: Arc::new(read(&words, set)),
        newcomer: text == "new",
    }
}

fn read(words: &[&str], set: &Set) -> Reading {
    let mut rows: Vec<HistoryRow> = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let rank = rows.len() as i32 + 1;
        rows.push(if *word == "baseline" {
            row(rank, "BASELINE", Some(words.next().unwrap()), None, true)
        } else {
            let id: MigrationId = word.trim_end_matches(['!', '?']).parse().unwrap();
            let checksum = match set.get(&id) {
                Some(_) if word.ends_with('!') => 7,
                Some(file) => file.checksum,
                None => 1,
            };
            let version = id.version().map(|version| version.as_str());
            let mut row = row(rank, "SQL", version, Some(checksum), !word.ends_with('?'));
            if let MigrationId::Repeatable(description) = &id {
                row.description = description.clone();
            }
            row
        });
    }
    let checksums = set
        .iter()
        .map(|file| (file.id.clone(), file.checksum))
        .collect();
    history::read(&rows, set, &checksums).unwrap()
}

fn row(
    rank: i32,
    kind: &str,
    version: Option<&str>,
    checksum: Option<i32>,
    success: bool,
) -> HistoryRow {
    HistoryRow {
        installed_rank: rank,
        version: version.map(str::to_owned),
        description: String::new(),
        kind: kind.to_owned(),
        script: String::new(),
        checksum,
        installed_by: "ann".to_owned(),
        installed_on: "2026-11-22 10:00:00".to_owned(),
        execution_time: 1,
        success,
    }
}

fn policy(lines: &[&str]) -> Policy {
    let mut policy = Policy {
        waves: Vec::new(),
        max_in_flight: 8,
        max_per_host: 2,
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
    };
    for line in lines {
        if let Some(rule) = line.strip_prefix("wave ") {
            policy.waves.push(wave(rule));
        } else if let Some(budget) = line.strip_prefix("budget ") {
            policy.failure_budget = match budget.strip_suffix('%') {
                Some(percent) => Budget::Percent(percent.parse::<u32>().unwrap() * 100),
                None => Budget::Shards(budget.parse().unwrap()),
            };
        } else if let Some(shard) = line.strip_prefix("online off on ") {
            let shard = shard.parse().unwrap();
            policy.online.shards.insert(shard, OnlineDdl::Off);
        } else if *line == "online instant" {
            policy.online.ddl = OnlineDdl::Instant;
        } else if *line == "out-of-order" {
            policy.out_of_order = true;
        } else {
            panic!("policy `{line}`");
        }
    }
    policy
}

/// `canary: select tier=canary, count 1, soak 5m, approval`
fn wave(rule: &str) -> WaveRule {
    let (name, says) = rule.split_once(':').unwrap_or((rule, ""));
    let mut wave = WaveRule {
        name: name.to_owned(),
        select: None,
        size: Size::Rest,
        soak: Duration::ZERO,
        approval: false,
    };
    for said in says
        .split(", ")
        .map(str::trim)
        .filter(|said| !said.is_empty())
    {
        match said.split_once(' ').unwrap_or((said, "")) {
            ("select", selector) => wave.select = Some(selector.to_owned()),
            ("count", count) => wave.size = Size::Count(count.parse().unwrap()),
            ("percent", percent) => {
                wave.size = Size::Percent(percent.parse::<u32>().unwrap() * 100);
            }
            ("soak", soak) => wave.soak = parse_duration(soak).unwrap(),
            ("approval", _) => wave.approval = true,
            _ => panic!("wave `{said}`"),
        }
    }
    wave
}
