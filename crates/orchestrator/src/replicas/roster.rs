//! The nodes of a shard whose primary is to name them: those that are remembered, those that were named since, and what keeps anybody
//! from saying that these are all.
//!
//! A node once seen stays expected until a person forgets it. Knows nothing of how nodes stand.

mod crowd;

use self::crowd::{Crowd, crowd};
use super::{
    named::NamedNode,
    topology::{is_reader, is_usual, place, plain_name, way_to},
};
use crate::{primary::reach_remembered, project::ReplicaSettings};
use greylag_core::{
    identity::{Known, Node},
    node::{Child, Intake, NodeName, NodePolicy, NodeRole, NodeSighting},
};
use greylag_engines::{Target, hosts::Place};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of who belongs to a shard.
pub struct Roster {
    members: Vec<Member>,
    taken: BTreeSet<String>,
    /// Who is remembered to follow the primary.
    memory: Vec<Node>,
    /// What the primary has said since it was looked at first; none before.
    says: Option<Says>,
    /// Where somebody may follow and can't be told, and why.
    blind: BTreeMap<NodeName, Blind>,
    /// By who names them, and how.
    unmapped: BTreeMap<(NodeName, String), Unmapped>,
    /// Who is the primary now, by another name.
    aside: BTreeSet<NodeName>,
    /// Who has been looked at since the primary was: before, nothing can be told of them.
    looked: BTreeSet<NodeName>,
}

struct Member {
    node: NamedNode,
    place: Option<Place>,
    /// The node that named it last, and its own name there; none where it is only remembered.
    named: Option<(NodeName, String)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Says {
    Nobody,
    Somebody,
}

/// A node that a server serves and that can't be reached from here without being told how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmapped {
    pub node: NodeName,
    pub why: String,
}

/// Why nobody can say who follows a node, and what would mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blind {
    pub why: String,
    pub mend: String,
}

/// What one look at who follows a node changes.
#[derive(Debug, Default)]
pub struct Changes {
    /// Looked at no more, at least not where they were.
    pub gone: Vec<NodeName>,
    pub new: Vec<NamedNode>,
    /// Named before, and not now; nobody remembers them.
    pub unnamed: Vec<NodeName>,
}

impl Roster {
    /// Of a shard whose primary is `arranged[0]`: who is expected from the beginning stands behind it, those that are remembered last.
    pub fn new(arranged: Vec<NamedNode>, known: Option<&Known>) -> (Roster, Vec<NamedNode>) {
        let primary = arranged[0].target.clone();
        let seat = place(&primary);
        let mut roster = Roster {
            members: Vec::new(),
            taken: BTreeSet::from([arranged[0].node.node.to_string()]),
            memory: remembered(known),
            says: None,
            blind: BTreeMap::new(),
            unmapped: BTreeMap::new(),
            aside: BTreeSet::new(),
            looked: BTreeSet::new(),
        };
        let mut back = Vec::new();
        // Of two at one place the one that was proven last is there.
        for node in roster.memory.clone().into_iter().rev() {
            let Some(target) = reach_remembered(&primary, &node) else {
                continue;
            };
            let at = place(&target);
            // Whoever was there, the primary is now.
            let is_taken = |at: &Place| back.iter().any(|(_, there)| *there == Some(at.clone()));
            if at == seat || at.as_ref().is_some_and(is_taken) {
                continue;
            }
            let name = roster.free(node.title().to_owned());
            back.push((replica(&primary, name, target), at));
        }
        back.reverse();
        let mut arranged = arranged;
        arranged.retain(|node| {
            let at = place(&node.target);
            // What is remembered to follow is waited for, whatever else it is.
            node.role == NodeRole::Primary || !back.iter().any(|(_, there)| *there == at)
        });
        arranged.extend(back.into_iter().map(|(node, _)| node));
        for node in &arranged[1..] {
            roster.taken.insert(node.node.node.to_string());
            roster.admit(node.clone(), None);
        }
        (roster, arranged)
    }

    /// Takes in who follows a node, as that says itself.
    pub fn take(
        &mut self,
        at: &NamedNode,
        seen: &NodeSighting,
        settings: &ReplicaSettings,
    ) -> Changes {
        let is_replica = |child: &&Child| !child.logical && !is_reader(child, &settings.readers);
        let children: Vec<&Child> = seen.children.iter().filter(is_replica).collect();
        if at.role == NodeRole::Primary && self.says != Some(Says::Somebody) {
            self.says = Some(match children.is_empty() {
                true => Says::Nobody,
                false => Says::Somebody,
            });
        }
        let reached: Vec<(&Child, Option<Target>)> = children
            .iter()
            .map(|child| (*child, way_to(child, &at.target, &settings.addresses)))
            .collect();
        self.see_blind(at, seen, &reached);
        let is_named = |by: &NodeName, name: &str| {
            *by != at.node || children.iter().any(|child| child.name == name)
        };
        let unnamed = self.members.iter().filter(|one| {
            let named = one.named.as_ref();
            named.is_some_and(|(by, name)| !is_named(by, name)) && !self.recalls(one)
        });
        let mut changes = Changes {
            unnamed: unnamed.map(|one| one.node.node.clone()).collect(),
            ..Changes::default()
        };
        let left = |(by, name): &(NodeName, String)| is_named(by, name);
        self.unmapped.retain(|key, _| left(key));
        for (child, target) in reached {
            match target {
                Some(target) => self.take_one(at, child, target, &children, &mut changes),
                None => self.miss_way(at, child, seen),
            }
        }
        changes
    }

    /// Why nobody can say that all of the shard's nodes are known; none where they are.
    pub fn lacking(&self) -> Option<String> {
        if let Some(blind) = self.blind.values().next() {
            return Some(format!("{}; {}", blind.why, blind.mend));
        }
        let names: Vec<&str> = self.missed().map(Node::title).collect();
        // One of them may be the primary itself, by another name.
        let mut recalled = self.members.iter().filter(|one| self.recalls(one));
        let are_looked_at = recalled.all(|one| self.looked.contains(&one.node.node));
        if self.says == Some(Says::Nobody) && !names.is_empty() && are_looked_at {
            return Some(format!(
                "its primary names none, and {} were known before ({}); bring one back, `greylag fleet forget` those that are gone, or say `replicas = []`",
                names.len(),
                names.join(", ")
            ));
        }
        let unmapped = self.unmapped.values().next()?;
        Some(unmapped.why.clone())
    }

    /// Where somebody may follow and can't be told.
    pub fn blind(&self) -> impl Iterator<Item = (&NodeName, &Blind)> {
        self.blind.iter()
    }

    pub fn unmapped(&self) -> impl Iterator<Item = &Unmapped> {
        self.unmapped.values()
    }

    /// The node is remembered, and no server names it.
    pub fn only_remembers(&self, name: &NodeName) -> bool {
        let member = self.members.iter().find(|one| one.node.node == *name);
        member.is_some_and(|one| one.named.is_none() && self.recalls(one))
    }

    /// What a person can do about a node that is gone for good, or was never one: what nobody remembers may be something else that reads
    /// the log.
    pub fn advice(&self, name: &NodeName) -> Option<String> {
        let member = self.members.iter().find(|one| one.node.node == *name)?;
        if self.recalls(member) {
            return Some(format!(
                "if it is gone for good: `greylag fleet forget {name} --reason \"…\"`"
            ));
        }
        let (_, said) = member.named.as_ref()?;
        Some(match is_usual(said) {
            true => "if it is no replica, give it an `application_name` of its own and write that under `readers` of [replicas] (its address would cover all that come from there)".into(),
            false => format!("if it is no replica: `readers = [\"{said}\"]` under [replicas]"),
        })
    }

    /// A look at the node is over. Says whether it is the primary now, by another name: it follows nobody then, and is not missed.
    pub fn note_look(&mut self, name: &NodeName, aside: bool) {
        if self.says.is_some() {
            self.looked.insert(name.clone());
        }
        match aside {
            true => self.aside.insert(name.clone()),
            false => self.aside.remove(name),
        };
    }

    /// Whether the primary has said who follows it.
    pub fn has_heard(&self) -> bool {
        self.says.is_some()
    }

    /// Goes by what is remembered now. Says who has been forgotten: they are looked at no more, unless they are named again.
    pub fn recall(&mut self, known: &Known) -> Vec<NodeName> {
        let is_left = |node: &Node| {
            let is_it =
                |one: &Node| one.is_same(node) || !node.name.is_empty() && one.name == node.name;
            known.nodes.iter().any(is_it)
        };
        let forgotten: Vec<Node> = (self.memory.iter())
            .filter(|node| !is_left(node))
            .cloned()
            .collect();
        self.memory = remembered(Some(known));
        let gone = self.members.iter().filter(|member| {
            let is_it = |node: &Node| is_of(node, member);
            forgotten.iter().any(is_it)
        });
        let gone: Vec<NodeName> = gone.map(|member| member.node.node.clone()).collect();
        gone.iter().for_each(|name| self.strike(name));
        gone
    }

    /// The node is expected no more, unless it is named again.
    pub fn strike(&mut self, name: &NodeName) {
        self.members.retain(|member| member.node.node != *name);
        self.looked.remove(name);
        self.taken.remove(&*name.node);
    }

    /// Who is remembered to follow the primary, and is not the primary.
    fn missed(&self) -> impl Iterator<Item = &Node> {
        let aside = || (self.members.iter()).filter(|one| self.aside.contains(&one.node.node));
        (self.memory.iter()).filter(move |node| !aside().any(|member| is_of(node, member)))
    }

    fn recalls(&self, member: &Member) -> bool {
        self.memory.iter().any(|node| is_of(node, member))
    }

    fn take_one(
        &mut self,
        at: &NamedNode,
        child: &Child,
        target: Target,
        children: &[&Child],
        changes: &mut Changes,
    ) {
        self.unmapped.remove(&(at.node.clone(), child.name.clone()));
        let here = place(&target);
        let known = (self.members.iter()).position(|one| here.is_some() && one.place == here);
        let known = known.or_else(|| self.moved(at, child, children));
        let Some(known) = known else {
            let name = self.free(plain_name(child));
            let node = replica(&at.target, name, target);
            self.admit(node.clone(), Some((at.node.clone(), child.name.clone())));
            changes.new.push(node);
            return;
        };
        let member = &mut self.members[known];
        member.named = Some((at.node.clone(), child.name.clone()));
        if member.node.target.url != target.url {
            member.place = here;
            member.node.target = target;
            changes.gone.push(member.node.node.clone());
            changes.new.push(member.node.clone());
        }
    }

    /// Who is that child, at another place than it was: where it has a name of its own, and nobody else has.
    fn moved(&self, at: &NamedNode, child: &Child, children: &[&Child]) -> Option<usize> {
        let namesakes = children.iter().filter(|one| one.name == child.name);
        if is_usual(&child.name) || namesakes.count() > 1 {
            return None;
        }
        let is_namesake = |one: &Member| match &one.named {
            // Those that follow another server have names of their own there.
            Some((by, name)) => *by == at.node && *name == child.name,
            None if one.node.node == at.node => false,
            None => {
                *one.node.node.node == *child.name
                    || (self.memory.iter())
                        .any(|node| node.lineage == child.name && is_of(node, one))
            }
        };
        let mut found = (self.members.iter().enumerate()).filter(|(_, one)| is_namesake(one));
        let (at, _) = found.next()?;
        found.next().is_none().then_some(at)
    }

    fn see_blind(
        &mut self,
        at: &NamedNode,
        seen: &NodeSighting,
        reached: &[(&Child, Option<Target>)],
    ) {
        let blind = match (&seen.children_unseen, crowd(reached)) {
            (Some(lacks), _) => Some(Blind {
                why: format!("who follows {} can't be seen", seen.server.address),
                mend: lacks.mend.clone(),
            }),
            (None, Some(Crowd { why, mend })) => Some(Blind { why, mend }),
            (None, None) => None,
        };
        match blind {
            Some(blind) => drop(self.blind.insert(at.node.clone(), blind)),
            None => drop(self.blind.remove(&at.node)),
        }
    }

    fn miss_way(&mut self, at: &NamedNode, child: &Child, seen: &NodeSighting) {
        let key = (at.node.clone(), child.name.clone());
        if self.unmapped.contains_key(&key) {
            return;
        }
        let mends: Vec<&str> = (seen.unobservable.iter())
            .filter(|_| child.address.is_none())
            .map(|lacks| &*lacks.mend)
            .collect();
        let or = match mends.is_empty() {
            true => String::new(),
            false => format!(", or let it be seen: {}", mends.join("; ")),
        };
        let unmapped = Unmapped {
            node: NodeName {
                shard: at.node.shard.clone(),
                node: self.free(plain_name(child)).into(),
            },
            why: format!(
                "{} does not say where `{}` listens; write its address under `addresses` of [replicas] (or its name under `readers`, if it is no replica){or}",
                seen.server.address, child.name
            ),
        };
        self.unmapped.insert(key, unmapped);
    }

    fn admit(&mut self, node: NamedNode, named: Option<(NodeName, String)>) {
        let place = place(&node.target);
        self.members.push(Member { node, place, named });
    }

    /// That name, or one like it where it is taken.
    fn free(&mut self, plain: String) -> String {
        let mut name = plain.clone();
        let mut number = 2;
        while !self.taken.insert(name.clone()) {
            name = format!("{plain}-{number}");
            number += 1;
        }
        name
    }
}

fn remembered(known: Option<&Known>) -> Vec<Node> {
    let followers = known.map(Known::followers).unwrap_or_default();
    followers.into_iter().cloned().collect()
}

/// Whether that is what is remembered: it is called so, or is where it was.
fn is_of(node: &Node, member: &Member) -> bool {
    let at = reach_remembered(&member.node.target, node);
    *member.node.node.node == *node.title()
        || member.place.is_some() && at.and_then(|target| place(&target)) == member.place
}

fn replica(near: &Target, name: String, target: Target) -> NamedNode {
    NamedNode {
        node: NodeName {
            shard: near.shard.clone(),
            node: name.into(),
        },
        role: NodeRole::Replica,
        policy: NodePolicy::Guard,
        intake: Intake::default(),
        target,
    }
}

#[cfg(test)]
mod tests;
