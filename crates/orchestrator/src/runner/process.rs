//! A tool's process: its lines, its end, and the lifeline by which it ends with greylag.

use std::{io, path::Path, process::ExitStatus, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, Command},
    sync::mpsc,
    time::{Instant, timeout_at},
};

const WATCHDOG: &str = include_str!("watchdog.sh");

/// Longest line that is read, in bytes; what goes on behind it is passed over.
const LONGEST: usize = 16 * 1024;

/// How long its outputs may stay open once it has ended: something that it started holds them.
const LINGER: Duration = Duration::from_secs(10);

/// A tool that runs under a watchdog of its own: where this process ends, however it does, so does the tool.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// Closed, it ends the tool.
    lifeline: Option<ChildStdin>,
    lines: mpsc::Receiver<(Pipe, String)>,
    /// It has ended, and until then its last lines are waited for.
    ended: Option<Instant>,
}

impl Process {
    /// Starts it in a process group of its own: an interrupt at the terminal is greylag's to answer. Dropped, the watchdog is left to
    /// see its lifeline close: killed before it has begun to look, it would leave the tool to itself.
    pub fn start(
        command: &[String],
        variables: &[(&str, String)],
        project: &Path,
        folder: &Path,
    ) -> io::Result<Process> {
        let mut child = Command::new("/bin/sh")
            .arg("-c")
            .arg(WATCHDOG)
            .arg("greylag-tool")
            .arg(folder)
            .args(command)
            .current_dir(project)
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let lifeline = child.stdin.take();
        let (send, lines) = mpsc::channel(64);
        if let Some(out) = child.stdout.take() {
            tokio::spawn(pass_on(Pipe::Out, out, send.clone()));
        }
        if let Some(err) = child.stderr.take() {
            tokio::spawn(pass_on(Pipe::Err, err, send));
        }
        Ok(Process {
            child,
            lifeline,
            lines,
            ended: None,
        })
    }

    /// The next line, and once there are no more, how it ended.
    pub async fn next(&mut self) -> Said {
        loop {
            let line = match self.ended {
                Some(until) => timeout_at(until, self.lines.recv()).await.ok().flatten(),
                None => tokio::select! {
                    biased;
                    line = self.lines.recv() => line,
                    _ = self.child.wait() => {
                        self.ended = Some(Instant::now() + LINGER);
                        continue;
                    }
                },
            };
            return match line {
                Some((pipe, line)) => Said::Line(pipe, line),
                None => Said::End(self.child.wait().await),
            };
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
    Line(Pipe, String),
    End(io::Result<ExitStatus>),
}

/// By which output a line came. What comes by one is in order; which of two is read first is chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pipe {
    Out,
    Err,
}

async fn pass_on(pipe: Pipe, from: impl AsyncRead + Unpin, to: mpsc::Sender<(Pipe, String)>) {
    let mut reader = BufReader::new(from);
    let mut line = Vec::new();
    loop {
        let (used, is_whole) = match reader.fill_buf().await {
            Ok([]) | Err(_) => break,
            Ok(bytes) => {
                let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
                let part = &bytes[..end.unwrap_or(bytes.len())];
                line.extend_from_slice(&part[..part.len().min(LONGEST - line.len())]);
                (part.len() + usize::from(end.is_some()), end.is_some())
            }
        };
        reader.consume(used);
        if is_whole && !hand_on(pipe, &mut line, &to).await {
            return;
        }
    }
    hand_on(pipe, &mut line, &to).await;
}

/// False where nobody listens any more.
async fn hand_on(pipe: Pipe, line: &mut Vec<u8>, to: &mpsc::Sender<(Pipe, String)>) -> bool {
    let text = String::from_utf8_lossy(line).trim_end().to_owned();
    line.clear();
    text.is_empty() || to.send((pipe, text)).await.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn command(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[tokio::test]
    async fn a_tool_runs_beside_the_project_file() {
        use std::os::unix::fs::PermissionsExt;
        let (folder, project) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let project = project.path().canonicalize().unwrap();
        let script = project.join("change.sh");
        std::fs::write(&script, "#!/bin/sh\npwd\n").unwrap();
        std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
        let program = command(&["./change.sh"]);
        let mut process = Process::start(&program, &[], &project, folder.path()).unwrap();
        let Said::Line(_, said) = process.next().await else {
            panic!("it says nothing");
        };
        assert_eq!(said, project.display().to_string());
    }

    #[tokio::test]
    async fn lines_come_from_both_outputs_and_then_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let script = "echo one; echo two >&2; exit 3";
        let mut process = Process::start(
            &command(&["sh", "-c", script]),
            &[],
            Path::new("/"),
            folder.path(),
        )
        .unwrap();
        let mut lines = Vec::new();
        let status = loop {
            match process.next().await {
                Said::Line(_, line) => lines.push(line),
                Said::End(status) => break status.unwrap(),
            }
        };
        lines.sort();
        assert_eq!(lines, ["one", "two"]);
        assert_eq!(status.code(), Some(3));
        assert!(folder.path().exists());
    }

    /// Whether a process is there and has not ended. One that nobody has asked for its status yet has.
    fn runs(pid: &str) -> bool {
        std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
            !stat
                .rsplit(") ")
                .next()
                .is_some_and(|rest| rest.starts_with('Z'))
        })
    }

    #[tokio::test]
    async fn a_tool_that_is_dropped_ends_and_its_folder_goes_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let pid = folder.path().with_extension("pid");
        let script = format!("echo $$ > '{}'; echo begun; sleep 1000", pid.display());
        let mut process = Process::start(
            &command(&["sh", "-c", &script]),
            &[],
            Path::new("/"),
            folder.path(),
        )
        .unwrap();
        assert!(matches!(process.next().await, Said::Line(_, line) if line == "begun"));
        let id = std::fs::read_to_string(&pid).unwrap();
        drop(process);
        let deadline = Instant::now() + Duration::from_secs(60);
        while folder.path().exists() || runs(id.trim()) {
            assert!(Instant::now() < deadline, "it outlives its drop");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        std::fs::remove_file(pid).unwrap();
    }

    /// A script that ends and leaves its work to a child, which goes on writing to the shard and holds its outputs open.
    #[tokio::test]
    async fn what_a_tool_leaves_running_ends_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let script = format!(
            "(trap '' TERM; echo child $(exec sh -c 'echo $PPID'); touch '{0}'; while :; do sleep 1; done) & \
             until [ -e '{0}' ]; do sleep 0.1; done; exit 4",
            folder.path().join("begun").display()
        );
        let mut process = Process::start(
            &command(&["sh", "-c", &script]),
            &[],
            Path::new("/"),
            folder.path(),
        )
        .unwrap();
        let mut child = None;
        let status = loop {
            match process.next().await {
                Said::Line(_, line) => child = line.strip_prefix("child ").map(str::to_owned),
                Said::End(status) => break status.unwrap(),
            }
        };
        assert_eq!(status.code(), Some(4));
        let child = child.unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while runs(&child) {
            assert!(Instant::now() < deadline, "it outlives its tool");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A wrapper that does not become the tool, but waits for it.
    #[tokio::test]
    async fn a_wrapped_tool_ends_when_it_is_asked_to() {
        let folder = tempfile::tempdir().unwrap();
        let script = "sh -c 'echo child $$; sleep 1000; true'; true";
        let mut process = Process::start(
            &command(&["sh", "-c", script]),
            &[],
            Path::new("/"),
            folder.path(),
        )
        .unwrap();
        let Said::Line(_, line) = process.next().await else {
            panic!("it says nothing");
        };
        process.terminate().await;
        let status = loop {
            // A shell tells of what it saw end.
            if let Said::End(status) = process.next().await {
                break status;
            }
        };
        assert!(!status.unwrap().success());
        let child = line.strip_prefix("child ").unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while runs(child) {
            assert!(Instant::now() < deadline, "it outlives its wrapper");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    #[tokio::test]
    async fn a_line_without_end_is_cut_and_not_gathered() {
        let folder = tempfile::tempdir().unwrap();
        let script = "head -c 3000000 /dev/zero | tr '\\0' x; echo; printf 'one\\rtwo'";
        let mut process = Process::start(
            &command(&["sh", "-c", script]),
            &[],
            Path::new("/"),
            folder.path(),
        )
        .unwrap();
        let mut lines = Vec::new();
        while let Said::Line(_, line) = process.next().await {
            lines.push(line);
        }
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0].len(), LONGEST);
        assert_eq!(lines[1..], ["one", "two"]);
    }
}
