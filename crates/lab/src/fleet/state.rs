//! What a fleet consists of, as `lab.json` keeps it. Written before each server is started and again once it has a process
//! number, so that whatever interrupts `up`, `down` finds all of it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::process::ProcessId;

/// The version of the file's format.
const SCHEMA: &str = "greylag.lab/v1";

/// A fleet, running or not.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Fleet {
    schema: String,
    /// The engine's word.
    pub engine: String,
    /// The servers' version.
    pub version: String,
    /// The folder of the project.
    #[serde(skip)]
    pub dir: PathBuf,
    /// The folder with all servers' data.
    pub data: PathBuf,
    /// Shard by shard, the primary first.
    pub nodes: Vec<FleetNode>,
    /// The files that `up` wrote into the project, with the digest of their content.
    pub(crate) files: BTreeMap<String, String>,
    /// Whether `up` made the project's folder.
    pub(crate) made_dir: bool,
}

/// One server of a fleet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FleetNode {
    /// The shard's name.
    pub shard: String,
    /// `primary`, or `replica1`, `replica2`, …
    pub role: String,
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// Its folder: data, log, socket.
    pub folder: PathBuf,
    /// Its process, once it has been started.
    pub process: Option<ProcessId>,
}

/// A server of a fleet, and whether it runs.
#[derive(Debug, Clone)]
pub struct NodeStatus {
    /// The server.
    pub node: FleetNode,
    /// Whether its process runs.
    pub running: bool,
}

impl Fleet {
    pub(crate) fn new(
        engine: &str,
        version: &str,
        dir: &Path,
        data: PathBuf,
        made_dir: bool,
    ) -> Self {
        Fleet {
            schema: SCHEMA.to_owned(),
            engine: engine.to_owned(),
            version: version.to_owned(),
            dir: dir.to_owned(),
            data,
            nodes: Vec::new(),
            files: BTreeMap::new(),
            made_dir,
        }
    }

    /// The project file that `up` wrote.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.dir.join("greylag.toml")
    }

    pub(crate) fn file(dir: &Path) -> PathBuf {
        dir.join("lab.json")
    }

    /// Reads the fleet of a project's folder; `None` when there is none.
    pub(crate) fn read(dir: &Path) -> io::Result<Option<Fleet>> {
        let text = match std::fs::read(Fleet::file(dir)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut fleet: Fleet = serde_json::from_slice(&text).map_err(io::Error::other)?;
        if fleet.schema != SCHEMA {
            return Err(io::Error::other(format!(
                "written by another version of the lab ({}, this one knows {SCHEMA})",
                fleet.schema
            )));
        }
        dir.clone_into(&mut fleet.dir);
        Ok(Some(fleet))
    }

    /// Writes it, whole or not at all.
    pub(crate) fn write(&self) -> io::Result<()> {
        let draft = self.dir.join(".lab.json.new");
        std::fs::write(
            &draft,
            serde_json::to_vec_pretty(self).map_err(io::Error::other)?,
        )?;
        std::fs::rename(draft, Fleet::file(&self.dir))
    }
}

impl FleetNode {
    /// Its process if it runs: the recorded one; or, when `up` was interrupted before it could record it, the one that its
    /// own pid file names, provided that its command line names its folder.
    pub(crate) fn running(&self) -> Option<ProcessId> {
        if let Some(process) = &self.process {
            return process.is_alive().then(|| process.clone());
        }
        let file = ["pid", "data/postmaster.pid"]
            .iter()
            .find_map(|name| std::fs::read_to_string(self.folder.join(name)).ok())?;
        let process = ProcessId::of(file.lines().next()?.trim().parse().ok()?)?;
        let command = std::fs::read(format!("/proc/{}/cmdline", process.pid)).ok()?;
        let folder = self.folder.to_string_lossy();
        String::from_utf8_lossy(&command)
            .contains(&*folder)
            .then_some(process)
    }
}
