//! Servers end with the process that started them, however it ends.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use greylag_lab::{Engine, Options, ProcessId, Server};

/// Makes this program, run again, hold servers instead of testing.
const HOLD: &str = "GREYLAG_LAB_TEST_HOLD";

/// What the test below runs in a process of its own. On its own it has nothing to hold.
#[tokio::test]
async fn holder() {
    if std::env::var_os(HOLD).is_none() {
        return;
    }
    let mut servers = Vec::new();
    for engine in Engine::SERVERS {
        if greylag_lab::available(engine) {
            let server = Server::start(engine, Options::default()).await.unwrap();
            println!(
                "holds {} {}",
                server.process().unwrap().pid,
                server.folder().display()
            );
            servers.push(server);
        }
    }
    // One that is frozen must end too.
    if let Some(server) = servers.first() {
        server.pause();
    }
    println!("holds all");
    std::future::pending::<()>().await;
}

#[test]
fn no_server_and_no_file_outlives_a_killed_test() {
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "holder", "--nocapture"])
        .env(HOLD, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut held: Vec<(ProcessId, PathBuf)> = Vec::new();
    for line in BufReader::new(holder.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let Some((_, what)) = line.split_once("holds ") else {
            continue;
        };
        if what == "all" {
            break;
        }
        let (pid, folder) = what.split_once(' ').unwrap();
        held.push((ProcessId::of(pid.parse().unwrap()).unwrap(), folder.into()));
    }
    let everything: Vec<ProcessId> = held
        .iter()
        .flat_map(|(process, _)| process.children().into_iter().chain([process.clone()]))
        .collect();
    assert!(everything.len() >= held.len());
    holder.kill().unwrap();
    holder.wait().unwrap();
    let deadline = Instant::now() + greylag_lab::patience();
    while everything.iter().any(ProcessId::is_alive)
        || held
            .iter()
            .any(|(_, folder)| folder.parent().unwrap().exists())
    {
        assert!(
            Instant::now() < deadline,
            "left behind: {everything:?} {held:?}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    if held.is_empty() {
        eprintln!("\n##### SKIPPED: no server on this machine to be reaped\n");
    }
}
