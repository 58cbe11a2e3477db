//! Readers of a server's binary log that are no replicas of the shard: change data capture, or somebody's tool.
//!
//! A server of MySQL or MariaDB says who reads its log, and not how far they are. Where a server keeps slots, `downstream` has
//! their readers.

use super::{Blame, Child, Lag, NodeSighting, NodeState, Standing};
use crate::engine::Replication;

/// One that reads a server's binary log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    /// `user@host`; of one that has made itself known as a replica does, as it has.
    pub name: String,
    pub address: Option<String>,
}

impl Reader {
    /// Nobody can say more of it.
    pub fn standing(&self) -> Standing {
        Standing {
            state: NodeState::Unobservable,
            lag: Lag::default(),
            blame: Some(Blame::Unobservable {
                what: "how far it has read the binary log".into(),
                mend: None,
            }),
            findings: Vec::new(),
        }
    }
}

/// Who reads the binary log of `server`, a primary or a replica, and is none of the shard's replicas. `replicas` are those that were seen;
/// `all_seen` says that there are no others.
pub fn readers(server: &NodeSighting, replicas: &[&NodeSighting], all_seen: bool) -> Vec<Reader> {
    if server.server.engine.facts().replication != Replication::Gtid {
        return Vec::new();
    }
    let (mut threads, known): (Vec<&Child>, Vec<&Child>) =
        server.children.iter().partition(|child| child.logical);
    let replica = |child: &Child| {
        let named = |node: &&&NodeSighting| {
            let link = node.upstream.as_ref();
            link.and_then(|link| link.known_as.as_deref()) == Some(&child.name)
        };
        replicas.iter().find(named).copied()
    };
    // MariaDB shows threads without saying whose they are: each of those that have made themselves known has one.
    for child in known.iter().filter(|child| child.state.is_none()) {
        let link = replica(child).and_then(|node| node.upstream.as_ref());
        let user = link.and_then(|link| link.user.as_deref());
        if let Some(own) = thread_of(&threads, user, host(child)) {
            threads.remove(own);
        }
    }
    let strangers = known.into_iter().filter(|child| {
        // A thread of which nobody could say whether it is a replica's.
        let nameless = child.name.contains('@');
        all_seen && !nameless && replica(child).is_none()
    });
    let found = strangers.chain(threads);
    found
        .map(|child| Reader {
            name: child.name.clone(),
            address: child.address.clone(),
        })
        .collect()
}

/// The thread that serves a replica, most likely: of its account and from its host.
fn thread_of(threads: &[&Child], user: Option<&str>, host: Option<&str>) -> Option<usize> {
    let is_of = |thread: &Child| user.is_some() && thread.name.split('@').next() == user;
    let is_from = |thread: &Child| host.is_some() && self::host(thread) == host;
    (0..threads.len()).max_by_key(|at| (is_of(threads[*at]), is_from(threads[*at])))
}

fn host(child: &Child) -> Option<&str> {
    let address = child.address.as_deref()?;
    Some(address.rsplit_once(':').map_or(address, |(host, _)| host))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::Engine,
        node::{SeenRole, Upstream},
        survey::Server,
    };
    use jiff::Timestamp;

    fn server(engine: Engine, children: Vec<Child>) -> NodeSighting {
        let server = Server {
            engine,
            version: "10.11".into(),
            lineage: "l".into(),
            database: "d".into(),
            address: "a:3306".into(),
            dialled: String::new(),
            instance: None,
        };
        NodeSighting {
            children,
            ..NodeSighting::bare(Timestamp::UNIX_EPOCH, server, "1".into(), SeenRole::Primary)
        }
    }

    fn replica(id: &str, user: &str) -> NodeSighting {
        NodeSighting {
            upstream: Some(Upstream {
                known_as: Some(id.into()),
                user: Some(user.into()),
                ..Upstream::default()
            }),
            ..server(Engine::Mariadb, Vec::new())
        }
    }

    fn known(id: &str, address: &str) -> Child {
        Child {
            name: id.into(),
            address: Some(address.into()),
            ..Child::default()
        }
    }

    fn thread(name: &str) -> Child {
        Child {
            name: name.into(),
            address: name.split_once('@').map(|(_, host)| host.to_owned()),
            state: Some("Master has sent all binlog".into()),
            logical: true,
            ..Child::default()
        }
    }

    fn names(server: &NodeSighting, replicas: &[&NodeSighting], all_seen: bool) -> Vec<String> {
        let found = readers(server, replicas, all_seen);
        found.into_iter().map(|reader| reader.name).collect()
    }

    #[test]
    fn a_thread_that_is_no_replicas_is_a_readers() {
        let children = vec![
            known("2", "10.0.0.2:3306"),
            known("3", "10.0.0.3:3306"),
            thread("repl@10.0.0.3"),
            thread("cdc@10.0.0.2"),
            thread("repl@10.0.0.2"),
        ];
        let primary = server(Engine::Mariadb, children);
        let (one, two) = (replica("2", "repl"), replica("3", "repl"));
        assert_eq!(names(&primary, &[&one, &two], true), ["cdc@10.0.0.2"]);
        // One of them can't be looked at: so many threads are replicas' all the same.
        assert_eq!(names(&primary, &[&one], false).len(), 1);
    }

    #[test]
    fn one_that_has_made_itself_known_and_is_no_node_is_a_reader_once_all_nodes_are_seen() {
        let mut identified = known("uuid-2", "10.0.0.2:3306");
        identified.state = Some("Source has sent all binlog".into());
        let primary = server(
            Engine::Mysql,
            vec![
                identified,
                known("uuid-9", "10.0.0.9:3306"),
                thread("etl@10.0.0.8"),
            ],
        );
        let one = replica("uuid-2", "repl");
        assert_eq!(names(&primary, &[&one], true), ["uuid-9"]);
        let mut named = primary.clone();
        named.children[1].state = Some("Source has sent all binlog".into());
        assert_eq!(names(&named, &[&one], true), ["uuid-9", "etl@10.0.0.8"]);
        assert_eq!(names(&named, &[&one], false), ["etl@10.0.0.8"]);
    }

    #[test]
    fn readers_of_slots_are_not_told_twice() {
        let primary = server(Engine::Postgres, vec![thread("debezium@10.0.0.9")]);
        assert_eq!(names(&primary, &[], true), [""; 0]);
    }
}
