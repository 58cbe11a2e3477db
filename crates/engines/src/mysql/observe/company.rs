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
    let threads = seen.heard.get(Topic::Threads);
    let dumps = dumps(threads);
    let address = (seen.heard.get(Topic::Facts)).and_then(|facts| facts.named(0, "address"));
    let us = Us {
        user: (seen.account.rsplit_once('@')).map_or(&*seen.account, |(user, _)| user),
        ports: [port_of(address.unwrap_or_default()), port_of(&seen.dialled)],
        dumps: threads.map(|_| &*dumps),
    };
    let is_replica = |known: &Known| known.is_server() && !us.are(known);
    let (replicas, others): (Vec<Known>, Vec<Known>) = known_rows.partition(is_replica);
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
    fn is_server(&self) -> bool {
        !self.identity.is_empty() && !matches!(self.port, "" | "0")
    }
}

/// What tells a tool of ours that reads the log from a replica: servers have numbers like its own, too.
struct Us<'a> {
    /// The account that Greylag and its tools log in with.
    user: &'a str,
    /// Where the source listens, as it says itself and as it is reached: a tool gives that for its own.
    ports: [&'a str; 2],
    /// Those who read the log; none where that can't be seen.
    dumps: Option<&'a [Dump<'a>]>,
}

impl Us<'_> {
    fn are(&self, known: &Known<'_>) -> bool {
        let is_numbered = (known.server.parse()).is_ok_and(|server: u32| READERS.contains(&server));
        let reads = |dump: &Dump| {
            let is_it = dump
                .identity
                .is_none_or(|identity| identity == known.identity);
            is_it && dump.user == self.user
        };
        // A replica may log in as Greylag does: it has a port of its own, mostly.
        is_numbered
            && self.ports.contains(&known.port)
            && match self.dumps {
                Some(dumps) => dumps.iter().any(reads),
                None => !known.host.is_empty(),
            }
    }
}

/// The port in `host:port`, or in a URL; the usual one where none is said.
fn port_of(place: &str) -> &str {
    let rest = place.split_once("://").map_or(place, |(_, rest)| rest);
    let place = rest.split(['/', '?']).next().unwrap_or(rest);
    let port = place.rsplit_once(':').map_or("", |(_, port)| port);
    match !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) {
        true => port,
        false => "3306",
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

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "1191182337";

    fn known<'a>(server: &'a str, host: &'a str, port: &'a str) -> Known<'a> {
        Known {
            identity: "uuid-1",
            server,
            host,
            port,
        }
    }

    fn dump<'a>(user: &'a str, identity: Option<&'a str>) -> Dump<'a> {
        Dump {
            user,
            host: "10.0.0.9",
            state: "",
            identity,
        }
    }

    fn are_we(known: &Known<'_>, dumps: Option<&[Dump<'_>]>) -> bool {
        let ports = ["3306", port_of("mysql://greylag@10.0.0.1:13306/orders")];
        let user = "greylag";
        Us { user, ports, dumps }.are(known)
    }

    #[test]
    fn a_server_whose_number_is_one_of_ours_is_a_replica_unless_our_account_reads() {
        let of = |user| [dump(user, Some("uuid-1"))];
        let one = known(OURS, "db-2", "3306");
        assert!(are_we(&one, Some(&of("greylag"))));
        assert!(!are_we(&one, Some(&of("replicator"))));
        assert!(!are_we(&one, Some(&[])), "nobody reads for it");
        assert!(!are_we(&one, Some(&[dump("greylag", Some("uuid-2"))])));
        assert!(are_we(&one, Some(&[dump("greylag", None)])));
        assert!(!are_we(&known("7", "db-2", "3306"), Some(&of("greylag"))));
        // … nor where it listens elsewhere than its source does: a tool gives its source's port.
        assert!(!are_we(&known(OURS, "db-2", "3307"), Some(&of("greylag"))));
        assert!(!are_we(
            &known(OURS, "db-2", "3307"),
            Some(&[dump("greylag", None)])
        ));
    }

    #[test]
    fn where_readers_can_t_be_seen_a_tool_of_ours_gives_its_sources_port_and_its_own_host() {
        assert!(are_we(&known(OURS, "deploy-1", "3306"), None));
        assert!(are_we(&known(OURS, "deploy-1", "13306"), None));
        assert!(!are_we(&known(OURS, "db-2", "3307"), None));
        assert!(!are_we(&known(OURS, "", "3306"), None));
    }

    #[test]
    fn a_port_is_read_off_any_place() {
        assert_eq!(port_of("db:3307"), "3307");
        assert_eq!(port_of("[::1]:3307"), "3307");
        assert_eq!(port_of("mysql://greylag@db/orders?x=1:2"), "3306");
        assert_eq!(port_of("mariadb://greylag@db:4406"), "4406");
        assert_eq!(port_of(""), "3306");
    }
}
