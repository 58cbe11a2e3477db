//! Wall, CPU and peak memory of a child process tree, and the CPU of a server's process tree.

use std::{
    fs,
    os::unix::process::CommandExt,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// What one run cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    pub wall: Duration,
    /// User and system time of the child and all its children.
    pub client: Duration,
    /// User and system time of the server's process tree meanwhile.
    pub server: Duration,
    /// The largest single process, in KiB.
    pub peak_kib: u64,
    /// The share of both cores that was used by anything that is neither client nor server.
    pub foreign: f64,
}

impl Cost {
    pub fn cpu(&self) -> Duration {
        self.client + self.server
    }
}

/// Runs a command to its end and says what it cost. Panics with its output if it fails.
pub fn measure(mut command: Command, server: Option<i32>) -> Cost {
    let log = tempfile::NamedTempFile::new().expect("a file for the peer's output");
    let out = log.reopen().expect("the same file again");
    let err = out.try_clone().expect("the same file again");
    command
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        .process_group(0);
    let server_before = server.map(tree_cpu).unwrap_or_default();
    let machine_before = machine_cpu();
    let began = Instant::now();
    // `/usr/bin/time` stands between (see `timed`): a child forked from here would inherit this process's own peak memory.
    let status = command
        .status()
        .unwrap_or_else(|error| panic!("{command:?} did not start: {error}"));
    let wall = began.elapsed();
    let text = fs::read_to_string(log.path()).unwrap_or_default();
    assert!(
        status.success(),
        "{command:?} ended with {status}:\n{}",
        tail(&text)
    );
    settle(server);
    let server_cpu = server
        .map(tree_cpu)
        .unwrap_or_default()
        .saturating_sub(server_before);
    let machine = machine_cpu().saturating_sub(machine_before);
    let (client, peak_kib) =
        usage(&text).unwrap_or_else(|| panic!("no usage line in:\n{}", tail(&text)));
    let whole = wall.as_secs_f64() * cores();
    let foreign = ((machine.as_secs_f64() - client.as_secs_f64() - server_cpu.as_secs_f64())
        / whole)
        .max(0.0);
    Cost {
        wall,
        client,
        server: server_cpu,
        peak_kib,
        foreign,
    }
}

/// Wraps a command so that its rusage is printed on its last line (`/usr/bin/time`).
pub fn timed(program: &str) -> Command {
    let mut command = Command::new("/usr/bin/time");
    command.args(["--quiet", "-f", "greylag-bench-usage %U %S %M", program]);
    command
}

fn usage(text: &str) -> Option<(Duration, u64)> {
    let line = text
        .lines()
        .rev()
        .find(|line| line.starts_with("greylag-bench-usage"))?;
    let mut words = line.split_whitespace().skip(1);
    let user: f64 = words.next()?.parse().ok()?;
    let system: f64 = words.next()?.parse().ok()?;
    Some((
        Duration::from_secs_f64(user + system),
        words.next()?.parse().ok()?,
    ))
}

/// The CPU time that the processes below (and with) a pid have used, including children that have ended.
pub fn tree_cpu(root: i32) -> Duration {
    let mut ticks = 0;
    let mut open = vec![root];
    while let Some(pid) = open.pop() {
        let Some((own, ended)) = stat(pid) else {
            continue;
        };
        ticks += own + if pid == root { ended } else { 0 };
        let children =
            fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        open.extend(
            children
                .split_whitespace()
                .filter_map(|child| child.parse::<i32>().ok()),
        );
    }
    from_ticks(ticks)
}

/// Waits until the clients' backends have ended, so that their time is counted.
fn settle(server: Option<i32>) {
    let Some(root) = server else { return };
    let deadline = Instant::now() + Duration::from_secs(5);
    let idle = |count: &mut usize| {
        let children =
            fs::read_to_string(format!("/proc/{root}/task/{root}/children")).unwrap_or_default();
        *count = children.split_whitespace().count();
        *count
    };
    let mut last = 0;
    idle(&mut last);
    while Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(100));
        let before = last;
        if idle(&mut last) == before {
            break;
        }
    }
}

pub fn stat(pid: i32) -> Option<(u64, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command's name stands in parentheses and may hold anything.
    let fields: Vec<u64> = text
        .rsplit(')')
        .next()?
        .split_whitespace()
        .map(|field| field.parse().unwrap_or_default())
        .collect();
    Some((
        fields.get(11)? + fields.get(12)?,
        fields.get(13)? + fields.get(14)?,
    ))
}

pub fn machine_cpu() -> Duration {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let ticks = text
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(1)
        .take(8)
        .enumerate()
        // Idle and waiting for a disk are no use of a core.
        .filter(|(at, _)| *at != 3 && *at != 4)
        .filter_map(|(_, field)| field.parse::<u64>().ok())
        .sum();
    from_ticks(ticks)
}

pub fn from_ticks(ticks: u64) -> Duration {
    Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

pub fn cores() -> f64 {
    std::thread::available_parallelism().map_or(1.0, |n| n.get() as f64)
}

fn tail(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
