//! Where one server lives: its folder, its port, its settings. The same for all engines, running or not.

use std::path::PathBuf;

use crate::engine::Engine;
use crate::port::Port;

/// The password of every account that the lab makes. It guards nothing: servers listen on 127.0.0.1 alone.
pub(crate) const PASSWORD: &str = "greylag";

/// The ordinary account that tests connect as.
pub(crate) const USER: &str = "greylag";

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) engine: Engine,
    pub(crate) dir: PathBuf,
    pub(crate) port: Port,
    pub(crate) settings: Vec<(String, String)>,
}

impl Node {
    pub(crate) fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.dir.join("server.log")
    }

    /// MySQL's and MariaDB's socket; PostgreSQL names its own, in the folder.
    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.join("s")
    }
}
