//! A run of greylag: what it says while it runs, signals to it, and how it ended.

use greylag_lab::patience;
use std::{
    process::Stdio,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader},
    process::{Child, Command},
    task::JoinHandle,
};

/// How a run ended, and all that it said.
#[derive(Debug)]
pub struct Ran {
    /// None where a signal ended it.
    pub code: Option<i32>,
    /// Standard output and error, as they came.
    pub said: String,
}

impl Ran {
    #[track_caller]
    pub fn ends(self, code: i32) -> Ran {
        assert_eq!(
            self.code,
            Some(code),
            "the exit code is wrong; it said:\n{}",
            self.said
        );
        self
    }

    #[track_caller]
    pub fn says(self, what: &str) -> Ran {
        assert!(
            self.said.contains(what),
            "it did not say `{what}`; it said:\n{}",
            self.said
        );
        self
    }

    #[track_caller]
    pub fn never_says(self, what: &str) -> Ran {
        assert!(
            !self.said.contains(what),
            "it said `{what}`:\n{}",
            self.said
        );
        self
    }

    /// The first command that it printed that begins so, up to the end of the line or two spaces, as words.
    #[track_caller]
    pub fn command(&self, begins: &str) -> String {
        let at = self
            .said
            .find(begins)
            .unwrap_or_else(|| panic!("no `{begins}…` in:\n{}", self.said));
        let rest = &self.said[at..];
        let end = rest.find(['\n', '`']).unwrap_or(rest.len());
        rest[..end].trim().to_owned()
    }
}

/// A run that goes on. It is killed when dropped.
pub struct Running {
    child: Child,
    said: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Running {
    pub fn spawn(mut command: Command) -> Running {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("greylag starts");
        let said = Arc::new(Mutex::new(String::new()));
        let out = child.stdout.take().expect("a pipe");
        let err = child.stderr.take().expect("a pipe");
        let readers = vec![listen(out, &said), listen(err, &said)];
        Running {
            child,
            said,
            readers,
        }
    }

    pub fn said(&self) -> String {
        self.said.lock().expect("no panics inside").clone()
    }

    /// Waits until it has said something.
    pub async fn until_it_says(&mut self, what: &str) {
        let deadline = Instant::now() + patience();
        while !self.said().contains(what) {
            let ended = self.child.try_wait().expect("its status");
            if ended.is_some() {
                // What it said last may still be in the pipe.
                self.hear_out().await;
                assert!(
                    self.said().contains(what),
                    "it ended without `{what}`:\n{}",
                    self.said()
                );
                return;
            }
            assert!(
                Instant::now() < deadline,
                "it does not say `{what}`:\n{}",
                self.said()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Types something, where its input is a pipe.
    pub async fn answer(&mut self, text: &str) {
        let input = self.child.stdin.as_mut().expect("a pipe");
        input.write_all(text.as_bytes()).await.expect("it reads");
    }

    /// SIGKILL.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("a kill");
    }

    /// ^C.
    pub async fn interrupt(&self) {
        self.signal("INT").await;
    }

    pub async fn signal(&self, name: &str) {
        let pid = self.child.id().expect("it runs").to_string();
        let sent = Command::new("kill")
            .args(["-s", name, &pid])
            .status()
            .await
            .expect("kill");
        assert!(sent.success());
    }

    /// Waits until all is read that it said before it ended.
    async fn hear_out(&mut self) {
        for reader in self.readers.drain(..) {
            reader.await.expect("no panics inside");
        }
    }

    /// Waits until it ends by itself.
    pub async fn end(mut self) -> Ran {
        let Ok(status) = tokio::time::timeout(patience() * 2, self.child.wait()).await else {
            panic!("it does not end:\n{}", self.said());
        };
        let code = status.expect("its status").code();
        self.hear_out().await;
        let said = self.said.lock().expect("no panics inside").clone();
        Ran { code, said }
    }
}

fn listen(
    pipe: impl AsyncRead + Unpin + Send + 'static,
    said: &Arc<Mutex<String>>,
) -> JoinHandle<()> {
    let said = Arc::clone(said);
    tokio::spawn(async move {
        let mut lines = BufReader::new(pipe).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let mut said = said.lock().expect("no panics inside");
            said.push_str(&line);
            said.push('\n');
        }
    })
}

/// Asks until the answer is yes.
pub async fn eventually(what: &str, ask: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + patience();
    while !ask().await {
        assert!(Instant::now() < deadline, "{what}: not in time");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}
