//! A node says that it was promoted while its shard did no work: its primary is looked for, and what it lacks is run again.

use super::{ledger::Ledger, nodes::Nodes, run::Run};
use crate::{
    executor::lacks,
    journal::KnownShard,
    primary::{Adopted, Found, Move, Seeker, Sought},
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
    let seeker = run.setup.seeker().under(&run.lease);
    let mut named = named.clone();
    named.application = format!("greylag/{}/{shard}", run.rollout).into();
    loop {
        if let Some(followable) = seek_once(run, &seeker, shard, &named).await? {
            return Ok(followable);
        }
    }
}

/// None where what is remembered was changed while it was looked for.
async fn seek_once(
    run: &Run,
    seeker: &Seeker,
    shard: &ShardName,
    named: &Target,
) -> Result<Option<Option<Followable>>, String> {
    let before = seeker.known(shard).await.map_err(|why| why.to_string())?;
    let memory = before.as_ref().map(|before| &before.known);
    let here = run.setup.seats.get(shard).unwrap_or_else(|| named.clone());
    match seeker.seek(named, memory).await {
        Sought::Found(found) if found.target.address() == here.address() => Ok(Some(None)),
        Sought::Found(found) => {
            let moved = found.moved(memory);
            let adopted = seeker.adopt(named, &found, before.as_ref()).await;
            let Adopted::Yes(known) = adopted.map_err(|why| why.to_string())? else {
                return Ok(None);
            };
            Ok(Some(Some(Followable {
                found: *found,
                moved,
                known,
            })))
        }
        Sought::Refused { refusal, .. } => Err(format!("{refusal}. {}", refusal.hint())),
        // A node accepts writes, and none is proven the primary: only what each of them is says what a person can do.
        Sought::Nowhere { said, .. } => Err(format!(
            "none of its servers is its primary: {}",
            said.join("; ")
        )),
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
    let address = found.survey.server.address.clone();
    let lost = ledger.lose(stage, &shard, migrations, address);
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
