//! A run whose lines are read while it goes on. Nobody waits for a line without end: what was said instead is told.

use crate::place::Place;
use serde_json::Value;
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Instant,
};

/// It is killed when dropped.
pub struct Listening {
    child: Child,
    lines: Receiver<String>,
    heard: Vec<String>,
}

impl Listening {
    /// Starts a line such as `status --watch --output ndjson`.
    pub fn to(place: &Place, line: &str) -> Self {
        let mut child = Command::new(assert_cmd::cargo::cargo_bin("greylag"))
            .current_dir(place.folder.path())
            .args(line.split(' '))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let pipe = BufReader::new(child.stdout.take().unwrap());
        let (mouth, lines) = channel();
        thread::spawn(move || {
            // Nobody listens any more, or nothing more is said.
            for line in pipe.lines().map_while(Result::ok) {
                if mouth.send(line).is_err() {
                    break;
                }
            }
        });
        Self {
            child,
            lines,
            heard: Vec::new(),
        }
    }

    /// The next line.
    pub fn next(&mut self) -> Value {
        self.find("a line", |_| true)
    }

    /// The next line that is as wanted.
    pub fn find(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + greylag_lab::patience() * 2;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("it never said {what}:\n{}", self.heard.join("\n"));
            };
            let value = serde_json::from_str(&line);
            self.heard.push(line);
            let value = value.unwrap_or_else(|error| panic!("{error}: {:?}", self.heard.last()));
            if wanted(&value) {
                return value;
            }
        }
    }

    /// SIGKILL, and its end.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
