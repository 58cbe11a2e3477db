//! Plans 100,000 shards × 50 migrations, carries the plan out in memory, and prints time and peak memory.
//!
//! `cargo run --release -p greylag-core --example plan_100k`

use greylag_core::{
    engine::Engine,
    event::Event,
    fleet::Shard,
    gate::Verdict,
    history::Reading,
    migration::{Migration, MigrationId},
    outcome::Outcome,
    plan::{Candidate, Input, Plan, Seen, plan},
    policy::{Budget, Group, Policy, Retry, Scope},
    rollout::{Command, Rollout},
};
use jiff::Timestamp;
use std::{
    collections::BTreeMap,
    error::Error,
    sync::Arc,
    time::{Duration, Instant},
};

const SHARDS: usize = 100_000;
const MIGRATIONS: usize = 50;
const HOSTS: usize = 500;

fn main() -> Result<(), Box<dyn Error>> {
    let files = (1..=MIGRATIONS)
        .map(|version| {
            let text = format!("CREATE TABLE t{version} (id int);");
            Migration::read(&format!("V{version}__t.sql"), text.as_bytes(), None)
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(|errors| format!("{errors:?}"))?;
    let shards = shards(&files)?;
    let (policy, scope) = (policy(), Scope::default());
    let input = Input {
        project: "bench",
        environment: "bench",
        shards,
        migrations: &files,
        policy: &policy,
        scope: &scope,
        settings: "",
        flyway_table: false,
        waves: None,
        first: Vec::new(),
        reviewed: None,
        refused_there: None,
    };

    let since = Instant::now();
    let plan = plan(&input)?;
    println!(
        "planned {SHARDS} shards × {MIGRATIONS} migrations: {:?}",
        since.elapsed()
    );
    println!("peak memory: {} MB", peak_megabytes());

    let since = Instant::now();
    let json = serde_json::to_vec(&plan)?;
    let again: Plan = serde_json::from_slice(&json)?;
    let megabytes = json.len() / 1_000_000;
    println!("as JSON and back ({megabytes} MB): {:?}", since.elapsed());

    let since = Instant::now();
    let events = carry_out(again)?;
    println!("carried out in {events} events: {:?}", since.elapsed());
    println!("peak memory: {} MB", peak_megabytes());
    Ok(())
}

/// Half of the fleet lacks everything, the rest stands at four different versions.
fn shards(files: &[Migration]) -> Result<Vec<Candidate>, Box<dyn Error>> {
    let ids: Vec<MigrationId> = files.iter().map(|file| file.id.clone()).collect();
    let reading = |applied: usize| {
        Arc::new(Reading {
            applied: ids[..applied].to_vec(),
            by_rank: ids[..applied].to_vec(),
            current: ids[..applied].last().and_then(|id| id.version().cloned()),
            pending: ids[applied..].to_vec(),
            ..Reading::default()
        })
    };
    let readings = [0, 0, 0, 0, 10, 20, 30, 40].map(reading);
    let labels = Arc::new(BTreeMap::from([("region".to_owned(), "eu".to_owned())]));
    let hosts: Vec<Arc<str>> = (0..HOSTS)
        .map(|host| format!("host-{host}").into())
        .collect();
    (0..SHARDS)
        .map(|number| {
            Ok(Candidate {
                shard: Shard {
                    name: format!("shard-{number:06}").parse()?,
                    engine: Engine::Postgres,
                    host: hosts[number % HOSTS].clone(),
                    schema: None,
                    labels: labels.clone(),
                },
                uuid: Some(uuid::Uuid::from_u128(number as u128)),
                seen: Seen::Read {
                    reading: readings[number % readings.len()].clone(),
                    newcomer: false,
                },
            })
        })
        .collect()
}

fn policy() -> Policy {
    Policy {
        waves: Vec::new(),
        max_in_flight: 64,
        max_per_host: 2,
        failure_budget: Budget::Percent(100),
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

/// Answers every command with success, asking what is next after each event, as an orchestrator does.
fn carry_out(plan: Plan) -> Result<u64, Box<dyn Error>> {
    let at = Timestamp::UNIX_EPOCH;
    let plan = Arc::new(plan);
    let mut rollout = Rollout::new(plan.clone(), at);
    let digest = plan.digest.clone();
    let by = "bench".to_owned();
    rollout.record(&Event::RolloutStarted { digest, by }, at, 1)?;
    let mut events = 1;
    let mut running = std::collections::VecDeque::new();
    while !rollout.has_ended() {
        let event = match rollout.next(at).into_iter().next() {
            Some(Command::AskGate { stage, wave }) => Event::GateAnswered {
                stage,
                wave,
                verdict: Verdict::Pass,
            },
            Some(Command::Apply { stage, shard }) => {
                running.push_back((stage, shard.clone()));
                Event::ShardStarted { stage, shard }
            }
            Some(Command::Finish { verdict }) => Event::Finished {
                verdict: verdict.as_str().to_owned(),
            },
            _ => {
                let (stage, shard) = running.pop_front().ok_or("nothing runs")?;
                Event::ShardEnded {
                    stage,
                    shard,
                    outcome: Outcome::Applied,
                }
            }
        };
        rollout.record(&event, at, 1)?;
        events += 1;
    }
    Ok(events)
}

/// What the kernel saw at most (Linux); zero elsewhere.
fn peak_megabytes() -> u64 {
    std::fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| {
            let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
            line.split_whitespace().nth(1)?.parse::<u64>().ok()
        })
        .map_or(0, |kilobytes| kilobytes / 1024)
}
