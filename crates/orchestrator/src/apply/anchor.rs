//! The lock of the fleet's first shard, held through a rollout: keeps out orchestrators with another state store.

use super::ApplyError;
use crate::{
    executor::{
        Anchor, AndLook, Held, Orphans, Owner, TakeOver, failure_of, failure_of_verb, hold, reach,
        session_named,
    },
    fleet::FleetShard,
    setup::Setup,
    survey::Surveyed,
    watch::{Notice, Watcher},
};
use greylag_core::{fleet::ShardName, outcome::Blocker};
use greylag_engines::Whence;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// How long a stranger's lock is waited for: a run that has just ended lets go within this.
const STRANGER: Duration = Duration::from_secs(3);

/// The anchor's name and session; none where no shard of the fleet can be reached.
pub type Anchored = Option<(ShardName, Arc<Anchor>)>;

/// Takes the anchor's lock. An orphan of ours is waited out; a stranger ends the run.
pub async fn take_anchor(
    setup: &Setup,
    surveyed: &Surveyed,
    rollout: &str,
    (take_over, orphans): (bool, &Orphans),
    control: &crate::Control,
    watcher: &dyn Watcher,
) -> Result<Anchored, ApplyError> {
    let Some(shard) = first_reachable(setup, surveyed) else {
        return Ok(None);
    };
    let name = shard.shard.name.clone();
    let failed = |failure| ApplyError::Anchor {
        shard: name.clone(),
        failure: Box::new(failure),
    };
    let mut target = setup.seats.seated(shard).target;
    target.application = format!("greylag/{rollout}/{name}").into();
    let known = surveyed
        .get(&name)
        .and_then(|sighting| sighting.seen.as_ref().ok())
        .is_some_and(|seen| seen.survey.identity.is_some());
    let stop = || control.level() != crate::control::Level::Run;
    let mut session = reach(&*setup.open, &target, setup.policy.retry, None, stop)
        .await
        .map_err(|error| failed(failure_of(&error)))?;
    session.expect_tables(known);
    let warn = |text| {
        watcher.notice(&Notice::Warning {
            shard: Some(name.clone()),
            text,
        });
    };
    let mut take_over = TakeOver::when(take_over, orphans, &warn);
    let begun = Instant::now();
    let mut told = false;
    loop {
        let until = Instant::now() + STRANGER;
        let held = hold(
            &mut *session,
            AndLook::No,
            None,
            until,
            &mut take_over,
            stop,
        )
        .await
        .map_err(|error| failed(failure_of_verb(&error)))?;
        let holder = match held {
            Held::Yes(_) => {
                let anchor = Anchor::new(&target, session);
                return Ok(Some((name, Arc::new(anchor))));
            }
            Held::GaveUp => {
                session.close().await;
                return Err(crate::survey::SurveyError::Interrupted.into());
            }
            Held::Busy(holder) => holder,
        };
        let held = describe(&name, &holder, &session.whence(&holder).await);
        let why = match orphans.owner(&holder).await {
            Owner::Orphan { .. } if begun.elapsed() <= setup.policy.lock_deadline => None,
            Owner::Orphan { .. } => Some(take_over.way(&holder).to_owned()),
            Owner::Stranger { why } => Some(why),
        };
        if let Some(why) = why {
            session.close().await;
            return Err(ApplyError::Busy {
                holder: format!("{held}; {why}"),
            });
        }
        if !told {
            told = true;
            warn(format!("{held} is waited out; {}", take_over.way(&holder)));
        }
    }
}

/// The first by name; where shards are left out as unreachable, the first that is not.
fn first_reachable<'a>(setup: &'a Setup, surveyed: &Surveyed) -> Option<&'a FleetShard> {
    let mut shards: Vec<&FleetShard> = setup.fleet.shards.iter().collect();
    shards.sort_by(|a, b| a.shard.name.cmp(&b.shard.name));
    shards.into_iter().find(|shard| {
        surveyed
            .get(&shard.shard.name)
            .is_none_or(|sighting| sighting.seen.is_ok())
    })
}

fn describe(shard: &ShardName, holder: &Blocker, whence: &Whence) -> String {
    let mut text = format!(
        "{} holds the lock of its anchor, shard `{shard}`",
        session_named(holder, whence)
    );
    if let Some(open) = holder.open_ms {
        text += &format!(", for {} s", open / 1000);
    }
    text
}
