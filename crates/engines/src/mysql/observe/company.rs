//! Who gets changes from a node.

use super::{
    question::{self, Refusal, Topic},
    sighting::Seen,
};
use crate::mysql::link::Answer;
use greylag_core::{
    node::{Child, Unobservable},
    online::READERS,
};

/// Replicas that have made themselves known, and others that read the binary log.
pub fn children(seen: &Seen<'_>) -> Vec<Child> {
    let known = seen.heard.get(Topic::Children);
    let rows = known.map_or(0, |known| known.rows.len());
    let known_rows = (0..rows).map(|row| read(known, row, seen.flavour.look().child));
    let (replicas, others): (Vec<Known>, Vec<Known>) = known_rows.partition(Known::is_replica);
    let dumps = dumps(seen.heard.get(Topic::Threads));
    let mut children: Vec<Child> = Vec::new();
    for replica in &replicas {
        let dump = dumps
            .iter()
            .find(|dump| dump.identity == Some(replica.identity));
        // One of each: they belong together.
        let dump = dump.or(dumps.first().filter(|_| dumps.len() == 1));
        let address = match (replica.host, dump) {
            ("", Some(dump)) => Some(format!("{}:{}", dump.host, replica.port)),
            ("", None) => None,
            (host, _) => Some(format!("{host}:{}", replica.port)),
        };
        children.push(child(
            replica.identity,
            address,
            dump.map(|d| d.state),
            false,
        ));
    }
    let is_told = |replica: &&Known| {
        let mut told = dumps.iter().filter_map(|dump| dump.identity);
        told.any(|identity| identity == replica.identity)
    };
    let untold = replicas.len() - replicas.iter().filter(is_told).count();
    let nameless = dumps.iter().filter(|dump| dump.identity.is_none()).count();
    for dump in &dumps {
        let named = children
            .iter()
            .any(|child| Some(child.name.as_str()) == dump.identity);
        let counted = dump.identity.is_none() && untold >= nameless;
        if named || counted {
            continue;
        }
        let name = dump
            .identity
            .map_or(format!("{}@{}", dump.user, dump.host), str::to_owned);
        // Replicas say who they are, where that can be seen; other readers of the log don't, or say that they listen nowhere.
        let reader = match dump.identity {
            Some(identity) => others.iter().any(|other| other.identity == identity),
            None => known.is_some() || seen.flavour.look().log.is_some(),
        };
        children.push(child(
            &name,
            Some(dump.host.to_owned()),
            Some(dump.state),
            reader,
        ));
    }
    if dumps.is_empty() {
        // Else their threads have been told of.
        let reader = |other: &Known| {
            let address = (!other.host.is_empty()).then(|| other.host.to_owned());
            child(&format!("server {}", other.server), address, None, true)
        };
        children.extend(others.iter().map(reader));
    }
    children
}

/// One that has made itself known as a replica does.
struct Known<'a> {
    identity: &'a str,
    server: &'a str,
    host: &'a str,
    port: &'a str,
}

impl Known<'_> {
    /// A server says who it is, and where it listens. A tool of ours may say so too.
    fn is_replica(&self) -> bool {
        let is_ours = (self.server.parse()).is_ok_and(|server: u32| READERS.contains(&server));
        !self.identity.is_empty() && !matches!(self.port, "" | "0") && !is_ours
    }
}

fn read<'a>(known: Option<&'a Answer>, row: usize, columns: [&'static str; 4]) -> Known<'a> {
    let [identity, server, host, port] =
        columns.map(|name| known.and_then(|k| k.named(row, name)).unwrap_or_default());
    Known {
        identity,
        server,
        host,
        port,
    }
}

/// Why nobody who is listed does not mean that nobody follows: either list shows all of them, and the account may see neither.
pub fn unseen(seen: &Seen<'_>) -> Option<Unobservable> {
    let facts = seen.heard.get(Topic::Facts);
    // Where threads are not instrumented, their list is there, and empty.
    let instrumented = facts.and_then(|facts| facts.named(0, "instruments")) != Some("0");
    let lists_threads = instrumented && seen.heard.get(Topic::Threads).is_some();
    if lists_threads || seen.heard.get(Topic::Children).is_some() {
        return None;
    }
    let questions = seen.flavour.look().questions.iter();
    let hangs_on = questions
        .filter(|question| question.topic == Topic::Threads)
        .find_map(|question| question.hangs_on);
    let feeds = |refusal: &&Refusal| {
        matches!(refusal.topic, Topic::Children | Topic::Threads) || Some(refusal.topic) == hangs_on
    };
    let refused: Vec<Refusal> = seen.refusals.iter().filter(feeds).cloned().collect();
    let mends = question::mends(&refused, &seen.account).into_iter();
    Some(Unobservable {
        what: "who follows it".into(),
        mend: mends.map(|(_, mend)| mend).collect::<Vec<_>>().join("; "),
    })
}

fn child(name: &str, address: Option<String>, state: Option<&str>, logical: bool) -> Child {
    Child {
        name: name.to_owned(),
        address,
        state: state.map(str::to_owned),
        sent: None,
        flushed: None,
        replayed: None,
        lag: None,
        logical,
    }
}

struct Dump<'a> {
    user: &'a str,
    host: &'a str,
    state: &'a str,
    identity: Option<&'a str>,
}

fn dumps(threads: Option<&Answer>) -> Vec<Dump<'_>> {
    let Some(threads) = threads else {
        return Vec::new();
    };
    let text = |row, name| threads.named(row, name).unwrap_or_default();
    (0..threads.rows.len())
        .filter(|row| text(*row, "kind") == "dump")
        .map(|row| Dump {
            user: text(row, "user"),
            // The list of processes shows the port that it came from, which is nobody's address.
            host: text(row, "host")
                .rsplit_once(':')
                .map_or(text(row, "host"), |(host, _)| host),
            state: text(row, "state"),
            identity: threads.named(row, "identity"),
        })
        .collect()
}
