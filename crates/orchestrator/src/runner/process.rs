//! A tool's process: its lines, its end, and the lifeline by which it ends with greylag.

use std::{io, process::ExitStatus, process::Stdio};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, Command},
    sync::mpsc,
};

const WATCHDOG: &str = include_str!("watchdog.sh");

/// Longest line that is passed on, in bytes.
const LONGEST: usize = 2000;

/// A tool that runs under a watchdog of its own: where this process ends, however it does, so does the tool.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// Closed, it ends the tool.
    lifeline: Option<ChildStdin>,
    lines: mpsc::Receiver<String>,
}

impl Process {
    /// Starts it in a process group of its own: an interrupt at the terminal is greylag's to answer.
    pub fn start(command: &[String], folder: &std::path::Path) -> io::Result<Process> {
        let mut child = Command::new("/bin/sh")
            .arg("-c")
            .arg(WATCHDOG)
            .arg("greylag-tool")
            .arg(folder)
            .args(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let lifeline = child.stdin.take();
        let (send, lines) = mpsc::channel(64);
        if let Some(out) = child.stdout.take() {
            tokio::spawn(pass_on(out, send.clone()));
        }
        if let Some(err) = child.stderr.take() {
            tokio::spawn(pass_on(err, send));
        }
        Ok(Process {
            child,
            lifeline,
            lines,
        })
    }

    /// The next line, and once there are no more, how it ended.
    pub async fn next(&mut self) -> Said {
        match self.lines.recv().await {
            Some(line) => Said::Line(line),
            None => Said::End(self.child.wait().await),
        }
    }

    /// Asks it to end.
    pub async fn terminate(&mut self) {
        if let Some(lifeline) = &mut self.lifeline {
            // A watchdog that is gone has nothing left to end.
            let _ = lifeline.write_all(b"TERM\n").await;
            let _ = lifeline.flush().await;
        }
    }

    /// Ends it, whether it wants to or not.
    pub fn let_go(&mut self) {
        self.lifeline = None;
    }
}

/// What a process has to say.
pub enum Said {
    Line(String),
    End(io::Result<ExitStatus>),
}

async fn pass_on(from: impl AsyncRead + Unpin, to: mpsc::Sender<String>) {
    let mut reader = BufReader::new(from);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        match reader.read_until(b'\n', &mut bytes).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        bytes.truncate(LONGEST);
        let line = String::from_utf8_lossy(&bytes);
        let line = line.trim_end();
        if !line.is_empty() && to.send(line.to_owned()).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn command(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[tokio::test]
    async fn lines_come_from_both_outputs_and_then_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let script = "echo one; echo two >&2; exit 3";
        let mut process = Process::start(&command(&["sh", "-c", script]), folder.path()).unwrap();
        let mut lines = Vec::new();
        let status = loop {
            match process.next().await {
                Said::Line(line) => lines.push(line),
                Said::End(status) => break status.unwrap(),
            }
        };
        lines.sort();
        assert_eq!(lines, ["one", "two"]);
        assert_eq!(status.code(), Some(3));
        assert!(folder.path().exists());
    }

    #[tokio::test]
    async fn a_tool_that_is_dropped_ends_and_its_folder_goes_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let pid = folder.path().with_extension("pid");
        let script = format!("echo $$ > '{}'; echo begun; sleep 1000", pid.display());
        let mut process = Process::start(&command(&["sh", "-c", &script]), folder.path()).unwrap();
        assert!(matches!(process.next().await, Said::Line(line) if line == "begun"));
        let id = std::fs::read_to_string(&pid).unwrap();
        drop(process);
        let deadline = Instant::now() + Duration::from_secs(60);
        let proc = std::path::PathBuf::from(format!("/proc/{}", id.trim()));
        while folder.path().exists() || proc.exists() {
            assert!(Instant::now() < deadline, "it outlives its drop");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        std::fs::remove_file(pid).unwrap();
    }
}
