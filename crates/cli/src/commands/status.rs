//! `greylag status`: which shard is on which version, and how its nodes stand.

mod page;

use super::changes::{Entry, Watched};
use crate::{
    arguments::Global,
    output::{Format, Refresh, Screen, count, node_state, wait_reason},
    problem::Problem,
    view,
    workplace::{self, Journal, Workplace},
};
use clap::Args;
use greylag_core::{migration::Version, plan::Held};
use greylag_orchestrator::{
    Exit,
    project::parse_duration,
    replicas::{Earlier, Keeping, survey_with_nodes},
    status::{Asked, RolloutStatus, ShardStatus, Status as Document, read_status},
    watch::Blind,
};
use jiff::Timestamp;
use page::{Page, page};
use serde_json::json;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Shows the fleet: versions, replicas, what is pending, what failed, and the rollout
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  greylag status
  greylag status --shards                    each shard and its replicas, however many
  greylag status --watch
  greylag status --at-least 42 --wait 10m    a deploy waits until every shard has V42; 4 if it doesn't come
  greylag status --output json | jq .versions
Ends with 5 where a shard or a node that is waited for can't be reached or must be mended: it is refused or missing, a
migration failed there, was changed since, is gone and holds what is pending, or is held below what is applied or for what
the lint finds in it, or nobody knows what became of one. With --at-least, failures behind that version don't count.")]
pub struct Status {
    /// List each shard
    #[arg(long)]
    shards: bool,
    /// Again every two seconds, until ^C: drawn in place on a terminal, else a line for each change
    #[arg(long)]
    watch: bool,
    /// End with 0 only once every shard has this version, else with 4
    #[arg(long, value_name = "V")]
    at_least: Option<Version>,
    /// How long --at-least waits for that
    #[arg(long, value_name = "TIME", value_parser = parse_duration, requires = "at_least")]
    wait: Option<Duration>,
}

pub async fn run(verb: &Status, global: &Global, screen: &Screen) -> Result<Exit, Problem> {
    let mut place = workplace::open(global, screen, Journal::Look).await?;
    if verb.watch {
        place.setup.open = Arc::new(Keeping::over(place.setup.open.clone()));
    }
    let until = verb.wait.map(|wait| Instant::now() + wait);
    let mut watch = Watch {
        terminal: Refresh::of_terminal().filter(|_| screen.human()),
        before: None,
    };
    let mut memory = Memory::default();
    let mut told = false;
    loop {
        let document = read(&place, screen, verb, &mut memory).await?;
        let behind = verb
            .at_least
            .as_ref()
            .map(|version| behind(&document, version));
        let waits =
            behind.is_some_and(|n| n > 0) && until.is_some_and(|until| Instant::now() < until);
        // Nobody waits in vain without being told.
        if waits && !told && screen.human() {
            let held = page::held(&document);
            told = !held.is_empty();
            held.iter().for_each(|line| screen.say(line));
        }
        if !waits {
            match verb.watch {
                true => watch.show(screen, &document, verb),
                false => show(screen, &document, verb),
            }
            match behind {
                _ if verb.watch => {}
                Some(n) if n > 0 => {
                    screen.say(format!("{} not there yet", count(n, "shard")));
                    return Ok(Exit::Waiting);
                }
                behind => return Ok(exit(&document, behind.is_some())),
            }
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

/// The fleet as it stands now, once.
pub async fn print(place: &Workplace, screen: &Screen) -> Result<(), Problem> {
    let verb = Status {
        shards: false,
        watch: false,
        at_least: None,
        wait: None,
    };
    let document = read(place, screen, &verb, &mut Memory::default()).await?;
    show(screen, &document, &verb);
    Ok(())
}

/// What one look leaves to the next.
#[derive(Default)]
struct Memory {
    nodes: Earlier,
    asked: Asked,
}

async fn read(
    place: &Workplace,
    screen: &Screen,
    verb: &Status,
    memory: &mut Memory,
) -> Result<Document, Problem> {
    let (surveyed, nodes) = if screen.human() && !verb.watch {
        let looking = view::open_for_looking(screen, place.folder());
        let looks = survey_with_nodes(&place.setup, &*looking, &mut memory.nodes).await;
        looking.close();
        looks
    } else {
        survey_with_nodes(&place.setup, &Blind, &mut memory.nodes).await
    };
    Ok(read_status(&place.setup, &surveyed?, nodes, &mut memory.asked).await?)
}

/// Of what can't be looked at nobody knows how it stands. Whoever waits for a version has it, whatever failed behind it.
fn exit(document: &Document, has_version: bool) -> Exit {
    let now = Timestamp::now();
    let shards = &document.shards;
    let mut nodes = shards.iter().flat_map(ShardStatus::nodes);
    let fleet = &document.fleet;
    let is_dark = fleet.unreachable + fleet.refused + document.missing.len() > 0
        || nodes.any(|node| node.must_be_mended(now));
    let stands_still = shards.iter().any(ShardStatus::must_be_mended)
        || document.held.iter().any(Held::must_be_mended)
        || (document.rollout.iter()).any(RolloutStatus::must_be_mended);
    match is_dark || (stands_still && !has_version) {
        false => Exit::Done,
        true => Exit::Problems,
    }
}

/// How many shards don't have a version; those that can't be asked count, too.
fn behind(document: &Document, version: &Version) -> usize {
    let has = |shard: &&ShardStatus| {
        let there = shard
            .version
            .as_ref()
            .and_then(|v| v.parse::<Version>().ok());
        let hole =
            |id: &greylag_core::migration::MigrationId| id.version().is_some_and(|v| v <= version);
        there.is_some_and(|there| there >= *version) && !shard.pending.iter().any(hole)
    };
    document.shards.len() - document.shards.iter().filter(has).count() + document.missing.len()
}

fn show(screen: &Screen, document: &Document, verb: &Status) {
    if !screen.human() {
        screen.document("greylag.status/v1", document);
        return;
    }
    let Page { lines, aside } = page(document, verb.shards);
    lines.iter().for_each(|line| screen.result(line));
    aside.iter().for_each(|line| screen.say(line));
}

/// `--watch`: the page in place, or what changed.
struct Watch {
    terminal: Option<Refresh>,
    before: Option<Watched>,
}

impl Watch {
    fn show(&mut self, screen: &Screen, document: &Document, verb: &Status) {
        let now = watched(document);
        match (&mut self.terminal, &self.before) {
            (Some(terminal), _) => {
                let Page { mut lines, aside } = page(document, verb.shards);
                lines.extend(aside);
                terminal.draw(&lines);
            }
            (None, None) => show(screen, document, verb),
            (None, Some(before)) if screen.format == Format::Json => {
                if now.differs(before) {
                    show(screen, document, verb);
                }
            }
            (None, Some(before)) => now.tell_changes(before, screen),
        }
        self.before = Some(now);
    }
}

/// What of the document is worth a line when it changes.
fn watched(document: &Document) -> Watched {
    let mut watched = Watched::default();
    for shard in &document.shards {
        let version = (shard.version.as_ref()).map_or("-".to_owned(), |v| format!("V{v}"));
        let state = format!("{version}, {}", page::state(shard));
        watched.note(Entry::shard(&shard.name, state, json!(shard)));
        for node in shard.nodes() {
            watched.note(Entry::node(node, node_state(node)));
        }
    }
    if let Some(rollout) = &document.rollout {
        let done = count(rollout.done, "shard");
        let state = format!("{}, {done} done", rollout.state);
        let waits = rollout.waiting.iter();
        let waits = waits.map(|reason| format!("waiting: {}", wait_reason(reason)));
        let entry = Entry::rollout(&rollout.id, state, waits.collect(), json!(rollout));
        watched.note(entry);
    }
    watched
}
