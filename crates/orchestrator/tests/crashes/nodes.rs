//! Scripted nodes beside scripted databases: they replay what their primary has, unless they are told not to.

use crate::{database::Shared, session::Databases};
use async_trait::async_trait;
use greylag_core::{
    engine::Engine,
    fleet::ShardName,
    history::HistoryRow,
    node::{
        Load, NodeName, NodePolicy, NodeRole, NodeSighting, Replay, ReplayState, SeenRole, Upstream,
    },
    outcome::Blocker,
    position::Position,
    survey::Server,
};
use greylag_engines::{EngineError, Observer, OpenError, Session, Target};
use greylag_orchestrator::{
    Open,
    replicas::{Named, NamedNode},
};
use jiff::Timestamp;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

/// One replica.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// It replays nothing beyond what it has.
    pub paused: bool,
    /// It is behind by its own account.
    pub lag: Duration,
    pub dead: bool,
    /// So long it takes to answer, each time.
    pub slow: Duration,
    /// So many bytes of log are missing there, beside rows.
    pub missing: u64,
    /// So many rows of its primary's history it has replayed.
    pub rows: usize,
    pub looks: u32,
}

/// All nodes, by shard and name; `primary` is one of them once it has been looked at.
pub type Nodes = Arc<Mutex<BTreeMap<(ShardName, String), Script>>>;

/// The way to databases and to nodes.
pub struct Doors {
    pub databases: Databases,
    pub nodes: Nodes,
}

#[async_trait]
impl Open for Doors {
    async fn open(&self, target: &Target) -> Result<Box<dyn Session>, OpenError> {
        self.databases.open(target).await
    }

    async fn observe(&self, target: &Target) -> Result<Option<Box<dyn Observer>>, OpenError> {
        let name = target.url.host_str().unwrap_or_default().to_owned();
        let node = (target.shard.clone(), name);
        if self
            .nodes
            .lock()
            .unwrap()
            .entry(node.clone())
            .or_default()
            .dead
        {
            return Err(unreachable(&node.1));
        }
        Ok(Some(Box::new(Eye {
            database: self.databases.0[&target.shard].clone(),
            nodes: self.nodes.clone(),
            node,
        })))
    }
}

fn unreachable(name: &str) -> OpenError {
    OpenError::Unreachable {
        address: name.into(),
        source: std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into(),
    }
}

struct Eye {
    database: Shared,
    nodes: Nodes,
    node: (ShardName, String),
}

impl Eye {
    /// Replays what there is, if it may, and says how it stands.
    fn look(&self) -> Option<Script> {
        let there = self.database.lock().unwrap().history.len();
        let mut nodes = self.nodes.lock().unwrap();
        let script = nodes.get_mut(&self.node)?;
        script.looks += 1;
        if !script.paused {
            script.rows = there;
        }
        (!script.dead).then(|| script.clone())
    }

    fn lost(&self) -> EngineError {
        EngineError::Lost {
            address: self.node.1.clone(),
            doing: "looking at a node",
            source: "it is gone".into(),
        }
    }
}

#[async_trait]
impl Observer for Eye {
    async fn observe(&mut self) -> Result<NodeSighting, EngineError> {
        let script = self.look().ok_or_else(|| self.lost())?;
        if !script.slow.is_zero() {
            tokio::time::sleep(script.slow).await;
        }
        let is_primary = self.node.1 == "here";
        let there = self.database.lock().unwrap().history.len();
        let rows = if is_primary { there } else { script.rows };
        let server = Server {
            engine: Engine::Postgres,
            version: "0".into(),
            lineage: self.node.0.to_string(),
            database: "d".into(),
            address: self.node.1.clone(),
            dialled: self.node.1.clone(),
            instance: None,
        };
        let role = match is_primary {
            true => SeenRole::Primary,
            false => SeenRole::Replica,
        };
        Ok(NodeSighting {
            position: Some(position(&self.node.0, rows, script.missing)),
            received: Some(position(&self.node.0, there, 0)),
            upstream: Some(Upstream {
                connected: true,
                ..Upstream::default()
            }),
            replay: Some(Replay {
                state: match script.paused {
                    true => ReplayState::Paused,
                    false => ReplayState::Running,
                },
                lag: (script.lag > Duration::ZERO).then_some(script.lag),
                delay: None,
            }),
            load: Some(Load {
                active: Some(0),
                lock_waiters: Some(0),
                mend: None,
            }),
            ..NodeSighting::bare(Timestamp::now(), server, self.node.1.clone(), role)
        })
    }

    async fn history(&mut self) -> Result<Vec<HistoryRow>, EngineError> {
        let script = self.look().ok_or_else(|| self.lost())?;
        let mut rows = self.database.lock().unwrap().history.clone();
        rows.truncate(script.rows);
        Ok(rows)
    }

    async fn in_the_way(&mut self, _: &[String], _: Duration) -> Result<Vec<Blocker>, EngineError> {
        Ok(Vec::new())
    }

    async fn close(self: Box<Self>) {}
}

/// Where a primary is that has so many rows; or a replica that lacks so much.
pub fn position(shard: &ShardName, rows: usize, missing: u64) -> Position {
    Position::Wal {
        system: shard.to_string(),
        timeline: 1,
        lsn: 1_000 + 100 * rows as u64 - missing,
    }
}

/// Replicas by these names, each with a policy.
pub fn listed(shard: &ShardName, primary: &Target, nodes: &[(&str, NodePolicy)]) -> Named {
    let node = |(name, policy): &(&str, NodePolicy)| NamedNode {
        node: NodeName {
            shard: shard.clone(),
            node: (*name).into(),
        },
        role: NodeRole::Replica,
        policy: policy.clone(),
        intake: Default::default(),
        target: Target {
            url: format!("postgres://{name}/d").parse().unwrap(),
            ..primary.clone()
        },
    };
    Named::Listed(nodes.iter().map(node).collect())
}
