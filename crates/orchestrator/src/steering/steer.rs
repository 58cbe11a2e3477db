//! Takes a request to whoever holds the lease, or folds it here where nobody does.

use super::{
    error::SteerError,
    fold::{events_of, fold},
    request::{Acknowledged, Request},
    settle::{Word, settle_shard, settle_subscriber},
    show::{find, read},
};
use crate::{
    apply::ApplyError,
    dispatcher::Ledger,
    journal::{Holder, InboxItem, JournalError, Lease, LeaseTry, RolloutRow, Taken},
    setup::Setup,
    watch::Blind,
};
use greylag_core::{event::Event, rollout::Command};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// How long the orchestrator at work is given to fold a request.
const PATIENCE: Duration = Duration::from_secs(20);

/// Steers the unfinished rollout (or the one named, by its id or a prefix of it).
pub async fn steer(
    setup: &Setup,
    rollout: Option<&str>,
    request: Request,
) -> Result<Acknowledged, SteerError> {
    let row = choose(setup, rollout, &request).await?;
    let recorded = read(setup, row).await?;
    // Judged once here for a clear word at once; whoever folds it judges again.
    check(&recorded.state, &request, &setup.by)?;
    if let Request::Settle {
        shard,
        migration,
        applied,
        reason,
        node,
    } = &request
    {
        let word = Word {
            migration,
            applied: *applied,
            reason,
        };
        match node {
            Some(node) => settle_subscriber(setup, &recorded, node, word).await?,
            None => settle_shard(setup, &recorded, shard, word).await?,
        }
    }
    let id = recorded.rollout;
    let value = serde_json::to_value(&request).expect("a request is JSON");
    let item = setup.journal.post(&id, &setup.by, &value).await?;
    // From here on it is durable; who folds it is to be seen.
    let began = Instant::now();
    loop {
        if let Some(InboxItem {
            answer: Some(answer),
            ..
        }) = setup.journal.answer(item).await?
        {
            return acknowledge(id, answer, true);
        }
        let holder = Holder::here(&setup.by, "rollout");
        if let LeaseTry::Held(lease) = setup.journal.take_lease(&setup.scope(), &holder).await? {
            let answer = fold_here(setup, &lease, &id, item, &request).await;
            let _ = setup.journal.release(&lease).await;
            let (answer, running) = answer?;
            return acknowledge(id, answer, running);
        }
        if began.elapsed() > PATIENCE {
            return Err(SteerError::NotTaken {
                seconds: PATIENCE.as_secs(),
            });
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn acknowledge(
    rollout: String,
    answer: Result<String, String>,
    running: bool,
) -> Result<Acknowledged, SteerError> {
    answer
        .map(|what| Acknowledged {
            rollout,
            what,
            running,
        })
        .map_err(SteerError::NotNow)
}

async fn choose(
    setup: &Setup,
    rollout: Option<&str>,
    request: &Request,
) -> Result<RolloutRow, SteerError> {
    let rows = setup.journal.rollouts(&setup.scope()).await?;
    let row = match rollout {
        Some(prefix) => find(rows, prefix)?,
        None => rows
            .into_iter()
            .find(|row| row.ended.is_none() && row.sequence > 0)
            .ok_or(SteerError::NoRollout {
                verb: request.verb(),
            })?,
    };
    match &row.ended {
        Some(ended) => Err(SteerError::NotNow(format!(
            "rollout {} has ended: {ended}",
            row.id
        ))),
        None => Ok(row),
    }
}

/// What is running may be in flight no more by the time it is folded: only what no folding could take is refused here.
fn check(
    state: &greylag_core::rollout::Rollout,
    request: &Request,
    by: &str,
) -> Result<(), SteerError> {
    let (events, _) = events_of(state, request, by).map_err(SteerError::NotNow)?;
    let mut trial = state.clone();
    let epoch = trial.epoch();
    for event in &events {
        trial
            .record(event, jiff::Timestamp::now(), epoch)
            .map_err(|why| SteerError::NotNow(why.why.to_string()))?;
    }
    Ok(())
}

/// Folds the request as the holder of the lease. Says whether another had folded it before.
async fn fold_here(
    setup: &Setup,
    lease: &Lease,
    id: &str,
    item: u64,
    request: &Request,
) -> Result<(Result<String, String>, bool), SteerError> {
    // The orchestrator may have folded it on its way out.
    if let Some(InboxItem {
        answer: Some(answer),
        ..
    }) = setup.journal.answer(item).await?
    {
        return Ok((answer, true));
    }
    let mut opened = crate::apply::take_up(setup, lease, id, Arc::new(Blind))
        .await
        .map_err(|why| of_apply(id, why))?;
    let answer = fold(&mut opened.ledger, request, &setup.by);
    if answer.is_ok() {
        end(&mut opened.ledger, id)?;
    }
    opened.ledger.answer(Taken {
        item,
        answer: answer.clone(),
    });
    opened.ledger.commit().await?;
    Ok((answer, false))
}

/// Ends a rollout that has nothing left to do: what was aborted is over now, not at the next `apply`.
fn end(ledger: &mut Ledger, id: &str) -> Result<(), SteerError> {
    for command in ledger.state.next(jiff::Timestamp::now()) {
        if let Command::Finish { verdict } = command {
            let verdict = verdict.as_str().to_owned();
            ledger
                .record(Event::Finished { verdict })
                .map_err(|why| SteerError::Damaged {
                    rollout: id.to_owned(),
                    why: why.why.to_string(),
                })?;
        }
    }
    Ok(())
}

fn of_apply(id: &str, why: ApplyError) -> SteerError {
    match why {
        ApplyError::Journal(why) => SteerError::Journal(why),
        ApplyError::LeaseLost { why } => SteerError::Journal(JournalError::Fenced { holder: why }),
        other => SteerError::Damaged {
            rollout: id.to_owned(),
            why: other.to_string(),
        },
    }
}
