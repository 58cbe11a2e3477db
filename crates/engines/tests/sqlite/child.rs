//! Another process, for what one process can't show: this test program, run again to play one part.

use std::{
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    process::{Child, ChildStdout, Command, Stdio},
};

const PART: &str = "GREYLAG_TEST_PART";
const FILE: &str = "GREYLAG_TEST_FILE";

/// A process that plays a part until it is killed.
pub struct Player {
    process: Child,
    says: BufReader<ChildStdout>,
}

impl Player {
    /// `part` is the full name of a test in this program that reads its cue from [`cue`].
    pub fn start(part: &str, file: &str) -> Self {
        Self::start_as(part, file, None)
    }

    /// As another user of the system.
    pub fn start_as(part: &str, file: &str, user: Option<u32>) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", part, "--nocapture", "--quiet"])
            .env(PART, part)
            .env(FILE, file)
            .stdout(Stdio::piped());
        if let Some(user) = user {
            command.uid(user).gid(user);
        }
        let mut process = command.spawn().unwrap();
        let says = BufReader::new(process.stdout.take().unwrap());
        Self { process, says }
    }

    /// Waits until it says a line that begins so, and returns what follows.
    pub fn hear(&mut self, beginning: &str) -> String {
        let mut heard = String::new();
        loop {
            let mut line = String::new();
            let read = self.says.read_line(&mut line).unwrap();
            assert!(
                read > 0,
                "the other process ended without saying `{beginning}`: {heard}"
            );
            // The test harness writes its own words on the same line.
            if let Some((_, rest)) = line.split_once(beginning) {
                return rest.trim().to_owned();
            }
            heard.push_str(&line);
        }
    }

    /// SIGKILL, and waits until the system has buried it.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    pub fn wait(mut self) {
        assert!(self.process.wait().unwrap().success());
    }
}

/// The file to play with, if this process was started to play this part.
pub fn cue(part: &str) -> Option<String> {
    let asked = std::env::var(PART).ok()? == part;
    asked.then(|| std::env::var(FILE).unwrap())
}

/// Says a line to the process that waits for it.
pub fn say(line: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}
