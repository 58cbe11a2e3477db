//! Taking a fleet down: exactly its processes, then all of its data, then the files that `up` wrote.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;

use super::error::FleetError;
use super::project;
use super::state::{Fleet, NodeStatus};
use crate::engine::Engine;
use crate::recipe::recipe;

/// What was taken down.
#[derive(Debug, Clone)]
pub struct Removed {
    /// How many servers were still running.
    pub ended: usize,
    /// What of the project was changed since `up` wrote it, and is therefore left.
    pub kept: Vec<PathBuf>,
}

/// The fleet of a project's folder, server by server.
pub fn status(dir: &Path) -> Result<(Fleet, Vec<NodeStatus>), FleetError> {
    let fleet = read(dir)?;
    let nodes = fleet
        .nodes
        .iter()
        .map(|node| NodeStatus {
            node: node.clone(),
            running: node.running().is_some(),
        })
        .collect();
    Ok((fleet, nodes))
}

/// Ends the servers of a project's folder and removes all that [`super::up`] made. Blocks for as long as they take to end.
pub fn down(dir: &Path, progress: &(dyn Fn(&str) + Sync)) -> Result<Removed, FleetError> {
    remove(&read(dir)?, progress)
}

pub(super) fn read(dir: &Path) -> Result<Fleet, FleetError> {
    let place = Fleet::file(dir);
    Fleet::read(dir)
        .map_err(FleetError::files(format!(
            "cannot read {}",
            place.display()
        )))?
        .ok_or_else(|| FleetError::NoLab {
            dir: dir.to_owned(),
        })
}

pub(crate) fn remove(
    fleet: &Fleet,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<Removed, FleetError> {
    let ended = end_all(fleet)?;
    progress(&format!("{ended} servers ended"));
    // Only now: a server whose files go while it still shuts down may hang for good.
    if fleet.data.exists() {
        std::fs::remove_dir_all(&fleet.data).map_err(FleetError::files(format!(
            "cannot remove {}",
            fleet.data.display()
        )))?;
    }
    progress(&format!("{} removed", fleet.data.display()));
    let kept = project::remove(fleet).map_err(FleetError::files(format!(
        "cannot tidy {}",
        fleet.dir.display()
    )))?;
    Ok(Removed { ended, kept })
}

fn end_all(fleet: &Fleet) -> Result<usize, FleetError> {
    let signal = fleet
        .engine
        .parse::<Engine>()
        .ok()
        .and_then(recipe)
        .map_or(Signal::KILL, |recipe| recipe.end_signal().1);
    let running: Vec<_> = fleet
        .nodes
        .iter()
        .filter_map(|node| Some((node, node.running()?)))
        .map(|(node, process)| (node, process.children(), process))
        .collect();
    for (_, children, process) in &running {
        process.signal(signal);
        for stopped in children.iter().chain([process]) {
            stopped.signal(Signal::CONT);
        }
    }
    for (node, children, process) in &running {
        for process in [process].into_iter().chain(children) {
            if process.wait_gone(Duration::from_secs(10)) {
                continue;
            }
            process.signal(Signal::KILL);
            if !process.wait_gone(Duration::from_secs(10)) {
                return Err(FleetError::Undead {
                    pid: process.pid,
                    shard: node.shard.clone(),
                    role: node.role.clone(),
                    folder: node.folder.clone(),
                });
            }
        }
    }
    Ok(running.len())
}
