//! The folder that holds all servers of this process, and what cleans it up when the process ends, however it ends.
//!
//! The folder lies on tmpfs where there is room, for data directories are many small files. A small shell process waits
//! for our end of a pipe to close, then ends the servers it was told of and removes the folder: that also works after
//! SIGKILL, and doesn't hang on which thread started a server (as the kernel's parent-death signal would).

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock};

use rand::Rng;

use crate::account;
use crate::process::{ProcessId, processes};

/// A tmpfs counts as memory: take it only where that much is free.
const ROOM_NEEDED: u64 = 2 << 30;

#[derive(Debug)]
pub(crate) struct Root {
    pub(crate) path: PathBuf,
    reaper: Mutex<ChildStdin>,
}

const PREFIX: &str = "gl-";

/// The root of this process, made on first use.
pub(crate) fn root() -> io::Result<&'static Root> {
    static ROOT: OnceLock<Root> = OnceLock::new();
    static MAKING: Mutex<()> = Mutex::new(());
    if let Some(root) = ROOT.get() {
        return Ok(root);
    }
    let _making = MAKING.lock();
    if let Some(root) = ROOT.get() {
        return Ok(root);
    }
    let made = Root::make()?;
    Ok(ROOT.get_or_init(|| made))
}

impl Root {
    fn make() -> io::Result<Root> {
        let name = format!(
            "{PREFIX}{}-{:04x}",
            std::process::id(),
            rand::rng().random::<u16>()
        );
        let path = base().join(name);
        sweep(&base());
        account::private_folder(&path)?;
        let mut child = Command::new("sh")
            .args(["-c", include_str!("reaper.sh"), "greylag-lab-reaper"])
            .arg(&path)
            .process_group(0)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let reaper = child
            .stdin
            .take()
            .ok_or_else(|| io::Error::other("no pipe to the reaper"))?;
        Ok(Root {
            path,
            reaper: Mutex::new(reaper),
        })
    }

    /// A fresh name for a folder in here. Short: a unix socket's path has 107 bytes at most.
    pub(crate) fn place(&self, prefix: &str) -> PathBuf {
        self.path
            .join(format!("{prefix}{:06x}", rand::rng().random::<u32>() >> 8))
    }

    /// Has the process ended, by this signal, when we end.
    pub(crate) fn reap_later(&self, id: &ProcessId, signal: &str) -> io::Result<()> {
        let mut pipe = self
            .reaper
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        writeln!(pipe, "{signal} {} {}", id.pid, id.started)
    }
}

/// Removes what is left of processes that are gone with their reapers, as when a machine ran out of memory: on tmpfs it would
/// hold memory for good. A folder that some process names, its reaper above all, is in use.
fn sweep(base: &Path) {
    let entries = std::fs::read_dir(base).into_iter().flatten().flatten();
    for folder in entries
        .map(|entry| entry.path())
        .filter(|path| is_orphaned(path))
    {
        let named = processes().any(|pid| {
            std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| {
                String::from_utf8_lossy(&line).contains(&*folder.to_string_lossy())
            })
        });
        if !named {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

/// Whether a folder is some process's root, and that process is gone.
fn is_orphaned(path: &Path) -> bool {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    name.strip_prefix(PREFIX)
        .and_then(|rest| rest.split_once('-')?.0.parse::<u32>().ok())
        .is_some_and(|owner| !Path::new(&format!("/proc/{owner}")).exists())
}

/// Where short-lived folders go: where `GREYLAG_LAB_ROOT` says, else tmpfs with room, or the machine's temporary folder.
pub(crate) fn base() -> PathBuf {
    if let Some(chosen) = std::env::var_os("GREYLAG_LAB_ROOT") {
        return chosen.into();
    }
    let memory = Path::new("/dev/shm");
    let roomy = rustix::fs::statvfs(memory)
        .is_ok_and(|fs| fs.f_bavail.saturating_mul(fs.f_frsize) > ROOM_NEEDED);
    let writable = rustix::fs::access(memory, rustix::fs::Access::WRITE_OK).is_ok();
    if roomy && writable && memory.is_dir() {
        memory.to_owned()
    } else {
        std::env::temp_dir()
    }
}
