//! Whether the process that holds a lease still lives, so that a killed run's lease needn't be waited out.
//!
//! Only of processes that this one can see (same boot, same process namespace); of others nothing is known.
//! A wrong guess would cost no data: appends carry the epoch.

use super::record::Holder;
use std::fs;

impl Holder {
    /// This process, under a fresh uuid.
    pub fn here(by: &str, verb: &str) -> Self {
        let pid = std::process::id();
        Self {
            uuid: uuid::Uuid::new_v4(),
            by: by.to_owned(),
            host: host(),
            pid,
            machine: machine(),
            started: started(pid).unwrap_or(0),
            verb: verb.to_owned(),
        }
    }

    /// Certainly dead: it was a process of this very machine, and is there no more.
    pub fn is_dead(&self) -> bool {
        !self.machine.is_empty()
            && self.machine == machine()
            && started(self.pid) != Some(self.started)
    }
}

impl Holder {
    /// Certainly alive: a process of this very machine that is there.
    pub fn is_alive_here(&self) -> bool {
        !self.machine.is_empty()
            && self.machine == machine()
            && started(self.pid) == Some(self.started)
    }
}

/// The boot and the process namespace: within both, a pid means the same to everybody.
fn machine() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id");
    let namespace = fs::read_link("/proc/self/ns/pid");
    match (boot, namespace) {
        (Ok(boot), Ok(namespace)) => format!("{} {}", boot.trim(), namespace.display()),
        _ => String::new(),
    }
}

/// When the process began, in clock ticks since the boot: tells it from a later one with the same pid.
fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command's name stands in parentheses and may hold anything, parentheses too.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    // A zombie has ended; only its parent has not looked yet.
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

fn host() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .or_else(|| std::env::var("HOSTNAME").ok())
        .unwrap_or_else(|| "this machine".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_process_that_ended_is_dead_and_this_one_is_not() {
        assert!(!Holder::here("ann", "apply").is_dead());

        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let mut holder = Holder::here("ann", "apply");
        holder.pid = child.id();
        holder.started = started(child.id()).unwrap();
        assert!(!holder.is_dead());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(holder.is_dead());
    }

    #[test]
    fn a_process_of_another_machine_is_not_called_dead() {
        let mut holder = Holder::here("ann", "apply");
        holder.pid = u32::MAX;
        assert!(holder.is_dead());
        holder.machine = "another boot".into();
        assert!(!holder.is_dead());
    }
}
