//! Making a replica of a fleet fall behind, and letting it catch up.

use std::path::Path;

use super::down::read;
use super::error::FleetError;
use super::state::{Fleet, FleetNode};
use crate::engine::Engine;
use crate::error::{Missing, SqlError};
use crate::node::Node;
use crate::port::Port;
use crate::recipe::{Recipe, recipe};

/// Stops replaying on a replica (`shard-03/replica1`) of a project's folder, as a person would; it still receives.
pub async fn pause(dir: &Path, name: &str) -> Result<(), FleetError> {
    let (recipe, node) = find(dir, name)?;
    recipe.pause_replay(&node).await.map_err(refused(name))
}

/// Lets it replay again.
pub async fn resume(dir: &Path, name: &str) -> Result<(), FleetError> {
    let (recipe, node) = find(dir, name)?;
    recipe.resume_replay(&node).await.map_err(refused(name))
}

fn find(dir: &Path, name: &str) -> Result<(&'static dyn Recipe, Node), FleetError> {
    let fleet = read(dir)?;
    let replicas: Vec<&FleetNode> = replicas(&fleet).collect();
    let Some(found) = replicas.iter().find(|node| called(node) == name) else {
        let names: Vec<String> = replicas.iter().map(|node| called(node)).collect();
        return Err(FleetError::NoReplica {
            name: name.to_owned(),
            known: match names.is_empty() {
                true => "none".to_owned(),
                false => names.join(", "),
            },
        });
    };
    let engine = fleet.engine.parse().unwrap_or(Engine::Sqlite);
    let recipe = recipe(engine).ok_or(Missing { engine })?;
    Ok((
        recipe,
        Node {
            engine,
            dir: found.folder.clone(),
            port: Port::of(found.port),
            settings: Vec::new(),
        },
    ))
}

fn replicas(fleet: &Fleet) -> impl Iterator<Item = &FleetNode> {
    fleet.nodes.iter().filter(|node| node.role != "primary")
}

fn called(node: &FleetNode) -> String {
    format!("{}/{}", node.shard, node.role)
}

fn refused(name: &str) -> impl FnOnce(SqlError) -> FleetError {
    let node = name.to_owned();
    move |source| FleetError::Sql { node, source }
}
