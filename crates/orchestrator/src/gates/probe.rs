//! How each kind of check is asked.

use super::{
    ask::{Answer, Check},
    check::{CheckRule, Probe},
};
use crate::{
    executor::{chain, is_yes},
    fleet::FleetShard,
    project::program,
    setup::{Open, Setup},
};
use async_trait::async_trait;
use std::{path::PathBuf, process::Stdio, sync::Arc, time::Duration};

/// The check of a rule.
pub fn of(setup: &Setup, rule: &CheckRule) -> Box<dyn Check> {
    let base = Base {
        name: rule.name.clone(),
        timeout: rule.timeout,
    };
    match &rule.probe {
        Probe::Sql { query, shards } => {
            let named = |shard: &&FleetShard| shards.contains(&shard.shard.name);
            let found: Vec<&FleetShard> = if shards.is_empty() {
                setup.fleet.anchor().into_iter().collect()
            } else {
                setup.fleet.shards.iter().filter(named).collect()
            };
            let seated = |shard: &&FleetShard| setup.seats.seated(shard);
            Box::new(Sql {
                base,
                query: query.clone(),
                complete: shards.is_empty() || found.len() == shards.len(),
                shards: found.iter().map(seated).collect(),
                open: setup.open.clone(),
            })
        }
        Probe::Http { url } => Box::new(Http {
            base,
            url: url.clone(),
        }),
        Probe::Command { argv, folder } => Box::new(Run {
            base,
            argv: argv.clone(),
            folder: folder.clone(),
        }),
    }
}

struct Base {
    name: String,
    timeout: Duration,
}

struct Sql {
    base: Base,
    query: String,
    shards: Vec<FleetShard>,
    complete: bool,
    open: Arc<dyn Open>,
}

#[async_trait]
impl Check for Sql {
    fn name(&self) -> &str {
        &self.base.name
    }

    fn timeout(&self) -> Duration {
        self.base.timeout
    }

    async fn ask(&self) -> Answer {
        if !self.complete || self.shards.is_empty() {
            return Answer::No("a shard that it asks is not in the fleet".into());
        }
        for shard in &self.shards {
            let name = &shard.shard.name;
            let mut target = shard.target.clone();
            target.application = format!("greylag/check/{}", self.base.name).into();
            let mut session = match self.open.open(&target).await {
                Ok(session) => session,
                Err(why) => {
                    return Answer::No(format!("`{name}` could not be asked: {}", chain(&why)));
                }
            };
            let said = session.ask(&self.query).await;
            session.close().await;
            match said {
                Ok(said) if is_yes(said.as_deref()) => {}
                Ok(said) => {
                    return Answer::No(format!(
                        "`{name}` says {}",
                        said.as_deref().unwrap_or("nothing")
                    ));
                }
                Err(why) => {
                    return Answer::No(format!("`{name}` could not be asked: {}", chain(&why)));
                }
            }
        }
        Answer::Yes
    }
}

struct Http {
    base: Base,
    url: url::Url,
}

#[async_trait]
impl Check for Http {
    fn name(&self) -> &str {
        &self.base.name
    }

    fn timeout(&self) -> Duration {
        self.base.timeout
    }

    async fn ask(&self) -> Answer {
        // Fails only where another provider is installed already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = match reqwest::Client::builder()
            .timeout(self.base.timeout)
            .build()
        {
            Ok(client) => client,
            Err(why) => return Answer::No(format!("could not be asked: {}", chain(&why))),
        };
        // A URL may carry a token: errors are told without it.
        match client.get(self.url.clone()).send().await {
            Ok(answer) if answer.status().is_success() => Answer::Yes,
            Ok(answer) => Answer::No(format!("the status is {}", answer.status())),
            Err(why) => Answer::No(format!("could not be asked: {}", chain(&why.without_url()))),
        }
    }
}

struct Run {
    base: Base,
    argv: Vec<String>,
    folder: PathBuf,
}

#[async_trait]
impl Check for Run {
    fn name(&self) -> &str {
        &self.base.name
    }

    fn timeout(&self) -> Duration {
        self.base.timeout
    }

    async fn ask(&self) -> Answer {
        let command = program(&self.argv, &self.folder);
        let (Some(program), Some(mut command)) = (self.argv.first(), command) else {
            return Answer::No("the command is empty".into());
        };
        let output = command
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await;
        let output = match output {
            Ok(output) => output,
            Err(why) => return Answer::No(format!("`{program}` could not be run: {why}")),
        };
        if output.status.success() {
            return Answer::Yes;
        }
        let said = [&output.stdout, &output.stderr]
            .into_iter()
            .find_map(|stream| last_line(stream));
        Answer::No(said.unwrap_or_else(|| output.status.to_string()))
    }
}

fn last_line(output: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(output);
    let line = text
        .lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty())?;
    Some(line.chars().take(200).collect())
}
