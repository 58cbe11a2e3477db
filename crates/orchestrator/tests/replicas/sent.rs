//! What servers are sent, by their own logs: with replicas, one connection more to each node and one question at a time; without any,
//! nothing more.

use crate::fleet::{Replicated, assert_done, replaying, until};
use greylag_core::event::Event;
use greylag_lab::{Engine, Server};
use greylag_orchestrator::apply::Options;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// The log of a server that tells each connection and each message, from here on.
struct Log<'a> {
    server: &'a Server,
    from: usize,
}

/// What Greylag was heard saying, by the name that its connections give themselves.
#[derive(Debug, Default)]
struct Heard {
    connections: BTreeMap<String, usize>,
    messages: BTreeMap<String, Vec<String>>,
}

impl<'a> Log<'a> {
    async fn of(server: &'a Server) -> Log<'a> {
        for sql in [
            "ALTER SYSTEM SET log_line_prefix = '@@%a@'",
            "ALTER SYSTEM SET log_connections = on",
            "ALTER SYSTEM SET log_statement = 'all'",
            "SELECT pg_reload_conf()",
        ] {
            server.execute("postgres", sql).await.unwrap();
        }
        // Whoever connects from now on has it.
        let until = Instant::now() + greylag_lab::patience();
        let ask = "SHOW log_statement";
        while server.value("postgres", ask).await.unwrap().as_deref() != Some("all") {
            assert!(Instant::now() < until, "it does not read its settings");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let from = std::fs::read(server.log_file()).unwrap().len();
        Log { server, from }
    }

    fn heard(&self) -> Heard {
        let bytes = std::fs::read(self.server.log_file()).unwrap();
        let text = String::from_utf8_lossy(&bytes[self.from..]);
        let mut heard = Heard::default();
        for entry in text.split("@@").skip(1) {
            let Some((by, said)) = entry.split_once('@') else {
                continue;
            };
            if let Some((_, name)) = said.split_once("connection authorized:") {
                let name = name.split_once("application_name=");
                let name =
                    name.map_or("", |(_, name)| name.split_whitespace().next().unwrap_or(""));
                if name.starts_with("greylag/") {
                    *heard.connections.entry(name.to_owned()).or_default() += 1;
                }
            }
            let message = ["LOG:  statement: ", "LOG:  execute "]
                .into_iter()
                .find_map(|mark| said.split_once(mark));
            if let (true, Some((_, message))) = (by.starts_with("greylag/"), message) {
                let message = message.trim().to_owned();
                heard
                    .messages
                    .entry(by.to_owned())
                    .or_default()
                    .push(message);
            }
        }
        heard
    }
}

const WATCH: &str = "greylag/watch";

/// Shards that have no replicas: the project says so, or says nothing.
async fn without_replicas(unlisted: bool) {
    let Some(mut fleet) = Replicated::start(Engine::Postgres, 2, 0).await else {
        return;
    };
    fleet.unlisted = unlisted;
    fleet
        .files
        .push(("V2__two.sql", "CREATE TABLE two (id int);"));
    fleet
        .files
        .push(("V3__three.sql", "CREATE TABLE three (id int);"));
    let anchor = Log::of(fleet.clusters[0].primary()).await;
    let other = Log::of(fleet.clusters[1].primary()).await;
    fleet.done().await;
    // A look; the lock, with a look under it; a message for each migration. The anchor's is locked before it is looked at again, and
    // unlocked at the end.
    for (log, messages) in [(anchor, 1 + 2 + 3 + 1), (other, 1 + 1 + 3)] {
        let heard = log.heard();
        // One looks at the shard before anything is planned, one does the work.
        assert_eq!(heard.connections.values().sum::<usize>(), 2, "{heard:#?}");
        assert!(!heard.connections.contains_key(WATCH), "{heard:#?}");
        // Nothing before, between or behind, but signs of life of a session that waits where the machine is slow; it is reset after one.
        let said = || heard.messages.values().flatten();
        let signs = said().filter(|text| *text == "SELECT 1").count();
        let resets = said().filter(|text| text.starts_with("RESET ALL")).count();
        assert!(resets <= signs, "{heard:#?}");
        assert_eq!(said().count() - signs - resets, messages, "{heard:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_of_which_no_replicas_are_said_is_sent_its_work_and_nothing_more() {
    without_replicas(true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_that_is_said_to_have_no_replicas_is_sent_its_work_and_nothing_more() {
    without_replicas(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_node_is_watched_over_one_connection_and_by_one_question_at_a_time() {
    let Some(mut fleet) = Replicated::start(Engine::Postgres, 1, 1).await else {
        return;
    };
    fleet.settings.poll = Duration::from_millis(100);
    fleet.settings.limits.max_lag = Duration::from_millis(500);
    fleet.settings.limits.resume_lag = Duration::from_millis(250);
    let (primary, replica) = (fleet.clusters[0].primary(), fleet.clusters[0].replica(0));
    let logs = [Log::of(primary).await, Log::of(replica).await];
    fleet.clusters[0].pause_replay(0).await.unwrap();
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, replaying(0)).await;
    // Long enough for many looks at both.
    let is_held = |event: &Event| matches!(event, Event::Held { reasons } if !reasons.is_empty());
    until(&told, is_held).await;
    fleet.clusters[0].resume_replay(0).await.unwrap();
    assert_done(&run.await.unwrap(), &told);
    for (log, node) in logs.iter().zip(["the primary", "the replica"]) {
        let heard = log.heard();
        assert_eq!(heard.connections[WATCH], 1, "{node}: {heard:#?}");
        let messages = &heard.messages[WATCH];
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        messages
            .iter()
            .for_each(|text| *kinds.entry(text).or_default() += 1);
        let often = kinds.values().filter(|count| **count > 2).count();
        // The look, again and again; beside it what a connection begins with, and the history once it may be there.
        assert_eq!(often, 1, "{node}: {kinds:#?}");
    }
}
