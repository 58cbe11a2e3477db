//! A disk that is full: a tiny tmpfs of its own, where we may mount one (root).
//!
//! Elsewhere [`limit_file_size`] is the nearest thing: a child process whose writes beyond a size fail. The error is another
//! one (EFBIG, which SQLite reports as an I/O error, not as "disk is full"), so a test of the message needs the real one.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{account, root};

/// A small file system of its own; unmounted when dropped, or with the process.
#[derive(Debug)]
pub struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    /// Mounts a disk of `bytes` (rounded up to pages). `None` where this process may not mount; said loudly.
    pub fn mount(bytes: u64) -> io::Result<Option<SmallDisk>> {
        let path = root::root()?.place("disk");
        std::fs::create_dir(&path)?;
        let mounted = account::is_root()
            && Command::new("mount")
                .args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"])
                .arg(&path)
                .status()
                .is_ok_and(|status| status.success());
        if !mounted {
            let test = std::thread::current().name().unwrap_or("a test").to_owned();
            eprintln!(
                "\n##### SKIPPED: {test}: a full disk needs the right to mount a tmpfs (root)\n"
            );
            std::fs::remove_dir(&path)?;
            return Ok(None);
        }
        Ok(Some(SmallDisk { path }))
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Fills what is left of it; `empty` gives it back.
    pub fn fill(&self) -> io::Result<()> {
        let mut file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.ballast())?;
        // Down to the last byte, so that not even a small write finds room.
        for size in [4_096, 1] {
            loop {
                match io::Write::write_all(&mut file, &vec![0; size]) {
                    Ok(()) => {}
                    Err(full) if full.kind() == io::ErrorKind::StorageFull => break,
                    Err(other) => return Err(other),
                }
            }
        }
        Ok(())
    }

    /// Takes away what `fill` wrote.
    pub fn empty(&self) -> io::Result<()> {
        std::fs::remove_file(self.ballast())
    }

    fn ballast(&self) -> PathBuf {
        self.path.join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
        let _ = std::fs::remove_dir(&self.path);
    }
}

/// Wraps a command so that no file it writes can grow past `kibibytes`: writes then fail with "file too large".
#[must_use]
pub fn limit_file_size(program: &Path, kibibytes: u64) -> Command {
    let mut command = Command::new("sh");
    // The signal that comes with it would kill the process before it can report the error. (sh counts in 512 bytes.)
    command
        .args(["-c", "trap '' XFSZ; ulimit -f \"$0\"; exec \"$@\""])
        .arg((kibibytes * 2).to_string())
        .arg(program);
    command
}
