//! How far the nodes of one shard are, as they said; and which of them to read from.
//!
//! Knows no driver and no clock. Folding answers takes `&mut self`, choosing does not: `RwLock<Tracker>` fits.

use crate::{
    answer::{Answer, Role},
    choice::{Because, Choice, NoNode},
};
use greylag_core::position::{Distance, Position, Reach};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// The nodes of one shard, and what they said last.
#[derive(Debug)]
pub struct Tracker {
    limits: Limits,
    nodes: Vec<Node>,
    /// Counts choices, so that the node chosen longest ago can be told.
    turns: AtomicU64,
}

/// What is asked of an answer, and of a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long an answer is trusted, counted from when the node was asked. Twice to five times the pause between two looks
    /// is a good choice; 2.5 seconds unless set.
    pub trust: Duration,
    /// A replica further behind the primary than this is not chosen, whatever is asked for. For reads without a position,
    /// which would else be sent to a replica that somebody paused yesterday. None unless set.
    pub behind: Option<Distance>,
}

#[derive(Debug)]
struct Node {
    name: Arc<str>,
    look: Option<Look>,
    chosen: AtomicU64,
}

#[derive(Debug)]
struct Look {
    asked: Instant,
    /// None: it was asked, and did not answer.
    answer: Option<Answer>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            trust: Duration::from_millis(2500),
            behind: None,
        }
    }
}

impl Tracker {
    /// The nodes of a shard, primary and replicas alike: which is which they say themselves.
    pub fn new(nodes: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Self {
        Self {
            limits: Limits::default(),
            nodes: nodes.into_iter().map(Node::new).collect(),
            turns: AtomicU64::new(0),
        }
    }

    /// … with limits.
    #[must_use]
    pub fn with(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// A node answered a look that was asked for at `asked`. An answer to an older question than the last is dropped. A name
    /// that is new is a new node.
    pub fn answered(&mut self, node: &str, asked: Instant, answer: Answer) {
        self.fold(node, asked, Some(answer));
    }

    /// A node did not answer the look that was asked for at `asked`: it is not chosen until it does.
    pub fn silent(&mut self, node: &str, asked: Instant) {
        self.fold(node, asked, None);
    }

    /// A node is gone for good.
    pub fn remove(&mut self, node: &str) {
        self.nodes.retain(|known| &*known.name != node);
    }

    /// The names of all nodes.
    pub fn nodes(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().map(|node| &*node.name)
    }

    /// The node to read from, for somebody who wrote up to `wanted` (or nothing): a replica that has replayed it, else the
    /// primary.
    pub fn choose(&self, wanted: Option<&Position>, now: Instant) -> Result<Choice<'_>, NoNode> {
        let primary = self.primary(now);
        if let (Some(wanted), Ok(Some((node, Some(written))))) = (wanted, &primary)
            && written.reaches(wanted) == Reach::Incomparable
        {
            // A standby that has not yet noticed the new timeline would pass for one that has the position.
            return Ok(node.chosen_as(Role::Primary, Because::OtherStream));
        }
        let written = match &primary {
            Ok(Some((_, written))) => *written,
            _ => None,
        };
        let fit = self
            .replicas(now)
            .filter(|(_, position)| self.is_near(*position, written))
            .filter(|(_, position)| has(*position, wanted))
            .min_by_key(|(node, _)| node.chosen.load(Ordering::Relaxed));
        if let Some((node, _)) = fit {
            let turn = self.turns.fetch_add(1, Ordering::Relaxed) + 1;
            node.chosen.store(turn, Ordering::Relaxed);
            return Ok(node.chosen_as(Role::Replica, Because::Replayed));
        }
        match primary? {
            Some((node, _)) => Ok(node.chosen_as(Role::Primary, self.shortcoming(wanted, now))),
            None if self.replicas(now).next().is_none() => Err(NoNode::Silence {
                trust: self.limits.trust,
            }),
            None => Err(NoNode::NoPrimary {
                trust: self.limits.trust,
                last: self.last_primary(),
            }),
        }
    }

    /// Whether every node has said lately that it has this position. Then it need be carried no longer: no node that is
    /// chosen can miss it.
    pub fn everywhere(&self, position: &Position, now: Instant) -> bool {
        !self.nodes.is_empty()
            && self.nodes.iter().all(|node| {
                node.said(self.limits.trust, now)
                    .is_some_and(|answer| has(answer.position.as_ref(), Some(position)))
            })
    }

    fn fold(&mut self, name: &str, asked: Instant, answer: Option<Answer>) {
        let at = match self.nodes.iter().position(|node| &*node.name == name) {
            Some(at) => at,
            None => {
                self.nodes.push(Node::new(name));
                self.nodes.len() - 1
            }
        };
        let node = &mut self.nodes[at];
        if node.look.as_ref().is_none_or(|last| last.asked <= asked) {
            node.look = Some(Look { asked, answer });
        }
    }

    /// The node that says it is the primary, with what it has written.
    fn primary(&self, now: Instant) -> Result<Option<(&Node, Option<&Position>)>, NoNode> {
        let mut found: Option<(&Node, Option<&Position>)> = None;
        for (node, written) in self.those(Role::Primary, now) {
            found = match found {
                None => Some((node, written)),
                Some(other) => match newer((node, written), other) {
                    Some(newer) => Some(newer),
                    None => {
                        return Err(NoNode::TwoPrimaries {
                            one: other.0.name.clone(),
                            other: node.name.clone(),
                        });
                    }
                },
            };
        }
        Ok(found)
    }

    fn replicas(&self, now: Instant) -> impl Iterator<Item = (&Node, Option<&Position>)> {
        self.those(Role::Replica, now)
    }

    fn those(&self, role: Role, now: Instant) -> impl Iterator<Item = (&Node, Option<&Position>)> {
        self.nodes.iter().filter_map(move |node| {
            let answer = node.said(self.limits.trust, now)?;
            (answer.role == role).then_some((node, answer.position.as_ref()))
        })
    }

    /// Whether a replica is near enough to its primary. What can't be told is not.
    fn is_near(&self, replayed: Option<&Position>, written: Option<&Position>) -> bool {
        let Some(limit) = self.limits.behind else {
            return true;
        };
        let distance = replayed
            .zip(written)
            .and_then(|(replayed, written)| replayed.behind(written));
        match (distance, limit) {
            (Some(Distance::Bytes(is)), Distance::Bytes(limit))
            | (Some(Distance::Transactions(is)), Distance::Transactions(limit)) => is <= limit,
            (Some(distance), _) => distance.is_zero(),
            (None, _) => false,
        }
    }

    /// Why no replica was chosen.
    fn shortcoming(&self, wanted: Option<&Position>, now: Instant) -> Because {
        if self.replicas(now).next().is_none() {
            return Because::NoReplica;
        }
        let lacks = |position: Option<&Position>| position?.behind(wanted?);
        Because::Behind {
            nearest: self
                .replicas(now)
                .filter_map(|(_, position)| lacks(position))
                .min(),
        }
    }

    fn last_primary(&self) -> Option<Arc<str>> {
        let looks = self.nodes.iter().filter_map(|node| {
            let look = node.look.as_ref()?;
            let answer = look.answer.as_ref()?;
            (answer.role == Role::Primary).then_some((look.asked, &node.name))
        });
        looks.max().map(|(_, name)| name.clone())
    }
}

impl Node {
    fn new(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            look: None,
            chosen: AtomicU64::new(0),
        }
    }

    /// What it said, if that is fresh.
    fn said(&self, trust: Duration, now: Instant) -> Option<&Answer> {
        let look = self.look.as_ref()?;
        let fresh = now.saturating_duration_since(look.asked) <= trust;
        look.answer.as_ref().filter(|_| fresh)
    }

    fn chosen_as(&self, role: Role, because: Because) -> Choice<'_> {
        Choice {
            node: &self.name,
            role,
            because,
        }
    }
}

fn has(position: Option<&Position>, wanted: Option<&Position>) -> bool {
    match wanted {
        None => true,
        Some(wanted) => position.is_some_and(|here| here.reaches(wanted) == Reach::Yes),
    }
}

/// Of two that say they are the primary: the one on the newer timeline of the same cluster, as the other was promoted away
/// from and has not noticed. On other engines nobody can tell.
fn newer<'a>(
    one: (&'a Node, Option<&'a Position>),
    other: (&'a Node, Option<&'a Position>),
) -> Option<(&'a Node, Option<&'a Position>)> {
    match (one.1?, other.1?) {
        (
            Position::Wal {
                system, timeline, ..
            },
            Position::Wal {
                system: of,
                timeline: than,
                ..
            },
        ) if system == of && timeline != than => Some(if timeline > than { one } else { other }),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
