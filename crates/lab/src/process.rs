//! One server process: started, watched, signalled, ended. It knows processes, not databases.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::account;

/// What names a process for good: its number may be given out again, not with the same start time.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ProcessId {
    /// The number.
    pub pid: i32,
    /// Start time in clock ticks since boot, as `/proc/<pid>/stat` has it.
    pub started: u64,
}

impl ProcessId {
    /// Looks a running process up; `None` when there is none (a zombie is none).
    #[must_use]
    pub fn of(pid: i32) -> Option<ProcessId> {
        let (state, _, started) = stat(pid)?;
        (state != 'Z' && state != 'X').then_some(ProcessId { pid, started })
    }

    /// Whether this very process still runs.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        ProcessId::of(self.pid).as_ref() == Some(self)
    }

    /// Whether it is frozen (SIGSTOP has arrived).
    pub(crate) fn is_stopped(&self) -> bool {
        stat(self.pid).is_some_and(|(state, _, started)| started == self.started && state == 'T')
    }

    /// Sends `signal`, unless it is gone.
    pub(crate) fn signal(&self, signal: Signal) {
        if self.is_alive()
            && let Some(pid) = Pid::from_raw(self.pid)
        {
            // Gone in between is what we wanted or don't mind.
            let _ = kill_process(pid, signal);
        }
    }

    /// Its children: PostgreSQL's backends have sessions of their own, so a group signal doesn't reach them.
    #[must_use]
    pub fn children(&self) -> Vec<ProcessId> {
        processes()
            .filter_map(|pid| {
                let (_, parent, started) = stat(pid)?;
                (parent == self.pid).then_some(ProcessId { pid, started })
            })
            .collect()
    }

    /// Waits until it is gone; `false` when the time is up first.
    pub(crate) fn wait_gone(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while self.is_alive() {
            if Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        true
    }
}

/// The numbers of all processes.
pub(crate) fn processes() -> impl Iterator<Item = i32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// State, parent and start time of a process.
fn stat(pid: i32) -> Option<(char, i32, u64)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may hold anything, so count from its end.
    let mut fields = text.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    let started = fields.nth(17)?.parse().ok()?;
    Some((state, parent, started))
}

/// A server that we started.
#[derive(Debug)]
pub(crate) struct ServerProcess {
    child: Child,
    pub(crate) id: ProcessId,
}

impl ServerProcess {
    /// Starts `command` as the servers' account, its output appended to `log`.
    pub(crate) fn spawn(mut command: Command, log: &Path) -> io::Result<ServerProcess> {
        let output = OpenOptions::new().create(true).append(true).open(log)?;
        account::hand_over(log)?;
        account::run_as_server(&mut command);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
        let Some(id) = stat(pid).map(|(_, _, started)| ProcessId { pid, started }) else {
            let _ = child.kill();
            let _ = child.wait();
            return Err(io::Error::other("/proc is needed to run servers"));
        };
        Ok(ServerProcess { child, id })
    }

    /// Whether it has ended by itself (collects it if so).
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits until it has ended; `false` when the time is up first.
    pub(crate) fn wait(&mut self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while !self.has_ended() {
            if Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        true
    }

    /// Ends it and its children at once, and waits until all are gone.
    pub(crate) fn kill(&mut self) {
        // Stopped first, it can't start another child while we look at them.
        self.id.signal(Signal::STOP);
        let children = self.id.children();
        self.id.signal(Signal::KILL);
        for child in &children {
            child.signal(Signal::KILL);
        }
        let _ = self.child.wait();
        for child in &children {
            child.wait_gone(Duration::from_secs(10));
        }
    }

    /// Freezes it and its children.
    pub(crate) fn pause(&self) {
        self.id.signal(Signal::STOP);
        for child in self.id.children() {
            child.signal(Signal::STOP);
        }
    }

    /// Thaws it and its children.
    pub(crate) fn resume(&self) {
        for child in self.id.children() {
            child.signal(Signal::CONT);
        }
        self.id.signal(Signal::CONT);
    }
}

/// The last `lines` lines of a log.
pub(crate) fn log_tail(path: &PathBuf, lines: usize) -> String {
    let text = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
