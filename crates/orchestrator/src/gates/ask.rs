//! Asks windows and checks, all at once, and puts their answers together.

use super::{check::CheckRule, probe};
use crate::setup::Setup;
use async_trait::async_trait;
use futures::future::join_all;
use greylag_core::{
    gate::{Verdict, WaitReason},
    plan::Plan,
    window::Calendar,
};
use jiff::Timestamp;
use std::time::Duration;

/// A check's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Yes,
    /// No, or it could not be asked; says which, for a person.
    No(String),
}

/// Something that can be asked before a wave.
#[async_trait]
pub trait Check: Send + Sync {
    fn name(&self) -> &str;
    fn timeout(&self) -> Duration;
    async fn ask(&self) -> Answer;
}

/// The gate's verdict at the time of its last answer.
pub async fn ask(setup: &Setup, plan: &Plan, _stage: usize, _wave: usize) -> Verdict {
    let windows = match Calendar::parse(&plan.policy.windows) {
        Ok(windows) => windows,
        Err(faults) => {
            let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
            return Verdict::Stop {
                why: faults.join("; "),
            };
        }
    };
    let mut checks = Vec::new();
    for name in &plan.policy.checks {
        match setup.checks.iter().find(|rule| rule.name == *name) {
            Some(rule) => checks.push(rule),
            None => {
                return Verdict::Stop {
                    why: format!(
                        "the plan asks the check `{name}`, which the project does not have any more"
                    ),
                };
            }
        }
    }
    let answers = join_all(checks.into_iter().map(|rule| answer(setup, rule))).await;
    // Behind the checks: a window may close while they are asked.
    let now = Timestamp::now();
    let closed = (!windows.is_open(now)).then(|| WaitReason::Window {
        opens: windows.next_opening(now),
    });
    let reasons: Vec<_> = closed
        .into_iter()
        .chain(answers.into_iter().flatten())
        .collect();
    if reasons.is_empty() {
        Verdict::Pass
    } else {
        Verdict::Wait { reasons }
    }
}

async fn answer(setup: &Setup, rule: &CheckRule) -> Option<WaitReason> {
    let check = probe::of(setup, rule);
    let timeout = check.timeout();
    let answer = tokio::time::timeout(timeout, check.ask())
        .await
        .unwrap_or_else(|_| Answer::No(format!("no answer within {timeout:?}")));
    match answer {
        Answer::Yes => None,
        Answer::No(answer) => Some(WaitReason::Check {
            name: check.name().to_owned(),
            answer,
            every_ms: Some(u64::try_from(rule.every.as_millis()).unwrap_or(u64::MAX)),
        }),
    }
}
