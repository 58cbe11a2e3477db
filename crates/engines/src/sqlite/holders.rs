//! Which processes hold locks on a shard's file, as the kernel tells.
//!
//! SQLite says only "busy"; Linux lists every process's file locks with the file's inode. Elsewhere nobody is named.

use greylag_core::outcome::Blocker;
use std::{collections::BTreeMap, fs, os::unix::fs::MetadataExt, path::Path};

/// The other processes that hold a lock on the file (or, in WAL mode, on the index beside it).
pub(super) fn holders(file: &Path) -> Vec<Blocker> {
    let Ok(locks) = fs::read_to_string("/proc/locks") else {
        return Vec::new();
    };
    let mut index = file.as_os_str().to_owned();
    index.push("-shm");
    let inodes: Vec<String> = [file, Path::new(&index)]
        .iter()
        .filter_map(|path| fs::metadata(path).ok())
        .map(|seen| inode(seen.dev(), seen.ino()))
        .collect();
    read(&locks, &inodes)
        .into_iter()
        .filter(|(pid, _)| *pid != std::process::id())
        .map(|(pid, writes)| Blocker {
            pid: pid.to_string(),
            user: None,
            application: program(pid),
            query: None,
            open_ms: None,
            holds: Some(match writes {
                true => "a write lock on the file".into(),
                false => "a read lock on the file".into(),
            }),
        })
        .collect()
}

/// Each process, and whether it writes. A line reads `1: POSIX  ADVISORY  WRITE 4711 fd:01:1234 1073741825 1073741825`.
fn read(locks: &str, inodes: &[String]) -> BTreeMap<u32, bool> {
    let mut holders = BTreeMap::new();
    for line in locks.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        // A line with an arrow is somebody who waits.
        let [_, "POSIX" | "OFDLCK", _, kind, pid, inode, ..] = words[..] else {
            continue;
        };
        let Ok(pid) = pid.parse() else { continue };
        if inodes.iter().any(|wanted| wanted == inode) {
            *holders.entry(pid).or_default() |= kind == "WRITE";
        }
    }
    holders
}

fn inode(device: u64, inode: u64) -> String {
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    format!("{major:02x}:{minor:02x}:{inode}")
}

fn program(pid: u32) -> Option<String> {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(name.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_list_is_read_by_inode() {
        let locks = "\
1: POSIX  ADVISORY  READ 11 fd:01:99 1073741826 1073742335
2: POSIX  ADVISORY  WRITE 12 fd:01:99 1073741825 1073741825
2: -> POSIX  ADVISORY  WRITE 13 fd:01:99 1073741825 1073741825
3: POSIX  ADVISORY  READ 12 fd:01:99 1073741826 1073742335
4: FLOCK  ADVISORY  WRITE 14 fd:01:99 0 EOF
5: POSIX  ADVISORY  WRITE 15 fd:01:98 0 EOF
";
        let found = read(locks, &["fd:01:99".to_owned()]);
        assert_eq!(found, BTreeMap::from([(11, false), (12, true)]));
    }
}
