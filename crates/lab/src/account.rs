//! Whom servers run as. PostgreSQL refuses to run as root, so root hands its servers (and their folders) to `nobody`,
//! which every machine has; anyone else runs them as themselves.

use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

const NOBODY: u32 = 65_534;

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Makes `command` run as the servers' account.
pub(crate) fn run_as_server(command: &mut Command) {
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    // Its own group: an interrupt typed at the terminal is for the program, not for its servers.
    command.process_group(0).current_dir("/");
}

/// Gives `path` to the servers' account.
pub(crate) fn hand_over(path: &Path) -> io::Result<()> {
    if is_root() {
        chown(path, Some(NOBODY), Some(NOBODY))?;
    }
    Ok(())
}

/// Makes a folder that the servers' account owns and nobody else can read.
pub(crate) fn private_folder(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))?;
    hand_over(path)
}

/// Copies a folder with all in it, for the servers' account.
pub(crate) fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    private_folder(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy_folder(&source, &target)?;
        } else if kind.is_file() {
            std::fs::copy(&source, &target)?;
            hand_over(&target)?;
        }
    }
    Ok(())
}
