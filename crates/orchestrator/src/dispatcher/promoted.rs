//! A node says that it was promoted while its shard did no work: its primary is looked for, and what it lacks is run again.

use super::{ledger::Ledger, nodes::Nodes, run::Run};
use crate::{
    executor::lacks,
    journal::KnownShard,
    primary::{Found, Move, Sought},
    watch::Notice,
};
use greylag_core::{event::Event, fleet::ShardName, rollout::OutOfOrder};
use greylag_engines::Target;

/// What looking came to.
pub struct Followed {
    pub shard: ShardName,
    pub what: Result<Option<Followable>, String>,
}

/// A primary that is elsewhere than the run had it.
pub struct Followable {
    found: Found,
    moved: Option<Move>,
    known: Option<KnownShard>,
}

/// Looks for the primary, and remembers it where it is found.
pub async fn follow(run: &Run, shard: ShardName, named: &Target) -> Followed {
    let what = seek(run, &shard, named).await;
    Followed { shard, what }
}

async fn seek(run: &Run, shard: &ShardName, named: &Target) -> Result<Option<Followable>, String> {
    let seeker = run.setup.seeker();
    let mut named = named.clone();
    named.application = format!("greylag/{}/{shard}", run.rollout).into();
    let before = seeker.known(shard).await.map_err(|why| why.to_string())?;
    let memory = before.as_ref().map(|before| &before.known);
    let here = run.setup.seats.get(shard).unwrap_or_else(|| named.clone());
    match seeker.seek(&named, memory).await {
        Sought::Found(found) if found.target.address() == here.address() => Ok(None),
        Sought::Found(found) => {
            let moved = found.moved(memory);
            let known = seeker.adopt(&named, &found, before.as_ref()).await;
            let known = known.map_err(|why| why.to_string())?;
            Ok(Some(Followable {
                found: *found,
                moved,
                known,
            }))
        }
        Sought::Refused { refusal, .. } => Err(format!("{refusal}. {}", refusal.hint())),
        // One that accepts writes and was never proven is a person's to accept; until one does, others may be promoted yet.
        Sought::Nowhere {
            writable: Some(_),
            said,
        } => Err(format!(
            "none of its servers is its primary: {}",
            said.join("; ")
        )),
        Sought::Nowhere { writable: None, .. } => Ok(None),
    }
}

/// Tells of the move, lets the nodes be watched from the new primary, and sets the shard back where its history lacks something.
pub fn take(
    run: &Run,
    nodes: &mut Nodes,
    ledger: &mut Ledger,
    followed: Followed,
) -> Result<(), OutOfOrder> {
    let Followed { shard, what } = followed;
    let followable = match what {
        Ok(Some(followable)) => followable,
        Ok(None) => return Ok(()),
        Err(text) => {
            if nodes.has_news(&shard, &text) {
                ledger.show(Notice::Warning {
                    shard: Some(shard),
                    text,
                });
            }
            return Ok(());
        }
    };
    let Followable {
        found,
        moved,
        known,
    } = followable;
    tell(run, nodes, ledger, &shard, moved, known)?;
    let Some(fleet_shard) = run.setup.fleet.get(&shard) else {
        return Ok(());
    };
    let Some((stage, _)) = ledger.state.current() else {
        return Ok(());
    };
    let Ok(reading) = run.scripts.read(&found.survey.history, fleet_shard) else {
        // The shard's own look says what is wrong with its history.
        return Ok(());
    };
    let had = ledger.state.recorded(&shard).into_iter();
    let migrations: Vec<_> = had.filter(|id| lacks(&reading, id)).collect();
    if migrations.is_empty() {
        return Ok(());
    }
    let lost = ledger.record(Event::MigrationsLost {
        stage,
        shard: shard.clone(),
        migrations,
        primary: found.survey.server.address.clone(),
    });
    // Refused where the shard is left out of the rollout: the next plan takes it up.
    if lost.is_ok() {
        nodes.let_go(ledger, &shard);
    }
    Ok(())
}

/// Writes a move down, and follows it.
pub fn tell(
    run: &Run,
    nodes: &mut Nodes,
    ledger: &mut Ledger,
    shard: &ShardName,
    moved: Option<Move>,
    known: Option<KnownShard>,
) -> Result<(), OutOfOrder> {
    if let Some(known) = known {
        run.remembered().insert(shard.clone(), known);
    }
    if let Some(Move { shard, from, to }) = moved
        && !ledger.state.has_ended()
    {
        ledger.record(Event::PrimaryMoved { shard, from, to })?;
    }
    nodes.follow(shard);
    Ok(())
}
