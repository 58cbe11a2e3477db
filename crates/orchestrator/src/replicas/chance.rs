//! A look at a replica that may be on its way: short of where its primary was a moment ago, it is given a chance to come there. One look
//! alone can't tell one that is well from one that is far behind.

use crate::executor::chain;
use greylag_core::{
    node::{NodeSighting, ReplayState, SeenRole},
    position::{Position, Reach},
};
use greylag_engines::Observer;
use std::time::{Duration, Instant};

/// A replica that is well comes within this to where its primary was.
pub const A_CHANCE: Duration = Duration::from_secs(1);

/// How often it is looked at meanwhile.
const AGAIN: Duration = Duration::from_millis(100);

/// Looks until the replica has come to the mark, or had its chance. One that stands, or is held back on purpose, needs none.
pub async fn look_by(
    observer: &mut dyn Observer,
    mark: Option<&Position>,
) -> Result<NodeSighting, String> {
    let begun = Instant::now();
    loop {
        let seen = observer.observe().await.map_err(|why| chain(&why))?;
        let is_short = mark.is_some_and(|mark| comes_to(&seen, mark));
        if !is_short || begun.elapsed() > A_CHANCE {
            return Ok(seen);
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// A replica that replays, and has not come there yet.
fn comes_to(seen: &NodeSighting, mark: &Position) -> bool {
    let replays = seen.replay.as_ref().is_some_and(|replay| {
        let stands = matches!(
            replay.state,
            ReplayState::Paused | ReplayState::Stopped { .. }
        );
        !stands && replay.delay.is_none_or(|by| by.is_zero())
    });
    let is_short = |here: &Position| here.reaches(mark) == Reach::No;
    seen.role == SeenRole::Replica && replays && seen.position.as_ref().is_some_and(is_short)
}
