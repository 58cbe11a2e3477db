//! Connects, and tries again while it may help.

use super::{backoff::Backoff, errand::Reports, explain::is_passing};
use crate::setup::Open;
use greylag_core::{gate::WaitReason, policy::Retry};
use greylag_engines::{OpenError, Session, Target};
use jiff::Timestamp;

use super::explain::chain;

/// A session to the target, within the policy's number of attempts.
pub async fn reach(
    open: &dyn Open,
    target: &Target,
    retry: Retry,
    reports: Option<&Reports>,
    give_up: impl Fn() -> bool,
) -> Result<Box<dyn Session>, OpenError> {
    let mut backoff = Backoff::new(retry.base, retry.cap);
    let mut attempt = 1;
    loop {
        let error = match open.open(target).await {
            Ok(session) => {
                if attempt > 1
                    && let Some(reports) = reports
                {
                    reports.waiting(Vec::new());
                }
                return Ok(session);
            }
            Err(error) => error,
        };
        if !is_passing(&error) || attempt >= retry.attempts.max(1) || give_up() {
            return Err(error);
        }
        let wait = backoff.next();
        attempt += 1;
        if let Some(reports) = reports {
            reports.waiting(vec![WaitReason::Retry {
                attempt,
                at: Timestamp::now() + wait,
                error: chain(&error),
            }]);
        }
        tokio::time::sleep(wait).await;
    }
}
