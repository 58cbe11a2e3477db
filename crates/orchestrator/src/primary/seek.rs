//! Looks at all of a shard's servers at once.

use super::{
    candidates::candidates,
    followers::{followers_of, handed_back, replicas_of},
    judge::{Look, judge},
    seats::Seats,
};
use crate::{
    executor::chain,
    journal::{Amendment, Journal, JournalError, KnownShard, Lease, Scope},
    replicas::{Named, NamedNode, Replication},
    setup::{Open, Setup},
    survey::{expected_of, known_with},
};
use futures::future::join_all;
use greylag_core::{
    fleet::ShardName,
    identity::{Known, Refusal},
    node::{NodePolicy, NodeRole},
    survey::{Server, Survey},
};
use greylag_engines::Target;
use std::{fmt, sync::Arc, time::Duration};

/// A look that takes longer has failed: one dead host must not hide where the primary is.
const PATIENCE: Duration = Duration::from_secs(10);

/// A replica that does not answer so soon is not waited for where its primary is in its place.
const GLANCE: Duration = Duration::from_secs(3);

/// Finds primaries.
#[derive(Clone)]
pub struct Seeker {
    open: Arc<dyn Open>,
    journal: Arc<dyn Journal>,
    scope: Scope,
    replication: Replication,
    seats: Seats,
    /// The run's, under which what is found is remembered.
    lease: Option<Lease>,
}

/// What looking came to.
pub enum Sought {
    Found(Box<Found>),
    /// More than one accepts writes, or only one that was promoted away from: nothing is to be written anywhere.
    Refused {
        refusal: Refusal,
        /// One that accepts writes.
        seen: Box<Survey>,
    },
    /// None is proven the primary.
    Nowhere {
        /// What each of them is.
        said: Vec<String>,
        /// The only one that accepts writes, whoever it is.
        writable: Option<Box<Found>>,
    },
}

/// The shard's primary, proven.
pub struct Found {
    pub target: Target,
    pub survey: Survey,
    /// Servers that belong to it; one that was the primary before is among them only if it was seen to follow.
    pub followers: Vec<Server>,
}

/// What became of a primary that was found.
pub enum Adopted {
    /// It is remembered, as this.
    Yes(Option<KnownShard>),
    /// What it was judged by has changed meanwhile: it is to be looked for again.
    Stale,
}

/// What stands beside a primary that is in its place.
#[derive(Default)]
pub struct Beside {
    /// Another server accepts writes, too.
    pub refusal: Option<Refusal>,
    /// Servers that belong to the primary.
    pub followers: Vec<Server>,
}

/// A primary that is elsewhere than it was.
#[derive(Clone, Debug)]
pub struct Move {
    pub shard: ShardName,
    pub from: String,
    pub to: String,
}

impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "primary moved from {} to {} (promoted)",
            self.from, self.to
        )
    }
}

impl Found {
    pub fn alone(target: Target, survey: Survey) -> Self {
        Self {
            target,
            survey,
            followers: Vec::new(),
        }
    }

    /// From where to where the primary has moved since it was proven last.
    pub fn moved(&self, known: Option<&Known>) -> Option<Move> {
        let known = known?;
        let last = known.primary()?;
        (!known.is_primary(&self.survey.server)).then(|| Move {
            shard: self.target.shard.clone(),
            from: last.address.clone(),
            to: self.survey.server.address.clone(),
        })
    }

    /// What is remembered of the shard from now on.
    pub fn known(&self, before: Option<&KnownShard>) -> Option<KnownShard> {
        let version = before.and_then(|before| before.version.clone());
        known_with(before, &self.survey, &self.followers, version)
    }
}

impl Setup {
    pub(crate) fn seeker(&self) -> Seeker {
        Seeker {
            open: self.open.clone(),
            journal: self.journal.clone(),
            scope: self.scope(),
            replication: self.replication.clone(),
            seats: self.seats.clone(),
            lease: None,
        }
    }
}

impl Seeker {
    /// One that remembers what it finds as long as this lease is held.
    pub fn under(self, lease: &Lease) -> Self {
        Self {
            lease: Some(lease.clone()),
            ..self
        }
    }

    /// Whether there is anywhere to look beside where the shard is reached now.
    pub fn has_choice(&self, named: &Target, known: Option<&Known>) -> bool {
        self.candidates(named, known).len() > 1
    }

    fn candidates(&self, named: &Target, known: Option<&Known>) -> Vec<Target> {
        let seat = self.seats.get(&named.shard);
        candidates(named, seat.as_ref(), &self.replication, known)
    }

    /// The replicas that the project lists and does not ignore.
    pub fn listed(&self, shard: &ShardName) -> Vec<Target> {
        let Some(Named::Listed(list)) = self.replication.of_shard(shard) else {
            return Vec::new();
        };
        let counts = |node: &&NamedNode| match &node.policy {
            NodePolicy::Guard | NodePolicy::Observe => true,
            policy @ NodePolicy::Ignore { .. } => policy.guards(jiff::Timestamp::now()),
        };
        let replicas = list.iter().filter(|node| node.role == NodeRole::Replica);
        replicas
            .filter(counts)
            .map(|node| node.target.clone())
            .collect()
    }

    /// Looks at every server where the primary may be; `named` is where the project says that it is.
    pub async fn seek(&self, named: &Target, known: Option<&Known>) -> Sought {
        let hosts: Vec<String> = named.each_host().iter().map(Target::address).collect();
        let listed = self.listed(&named.shard);
        let looks = self.candidates(named, known).into_iter().map(|target| {
            // The project names all of them as the one shard: what was proven under that name vouches for each.
            let is_host = hosts.contains(&target.address());
            let is_listed = listed.iter().any(|one| one.address() == target.address());
            self.look(
                target,
                is_host.then(|| named.address()),
                is_listed,
                PATIENCE,
            )
        });
        self.weigh(named, known, join_all(looks).await).await
    }

    /// Where the primary is in its place: what the replicas beside it are that the project lists. One of them may have been
    /// promoted; one that follows is no stranger if it is promoted later.
    pub async fn beside(&self, named: &Target, known: Option<&Known>, seen: &Survey) -> Beside {
        let here = named.address();
        let others = self.listed(&named.shard).into_iter();
        let others = others.filter(|target| target.address() != here);
        let looks = others.map(|mut target| {
            target.application = named.application.clone();
            self.look(target, None, true, GLANCE)
        });
        let mut looks = join_all(looks).await;
        if looks.iter().all(|look| look.seen.is_err()) {
            return Beside::default();
        }
        looks.insert(
            0,
            Look {
                target: named.clone(),
                seen: Ok(seen.clone()),
                vouched: None,
                listed: false,
            },
        );
        match self.weigh(named, known, looks).await {
            Sought::Refused { refusal, .. } => Beside {
                refusal: Some(refusal),
                followers: Vec::new(),
            },
            Sought::Found(primary)
            | Sought::Nowhere {
                writable: Some(primary),
                ..
            } => Beside {
                refusal: None,
                followers: primary.followers,
            },
            Sought::Nowhere { .. } => Beside::default(),
        }
    }

    async fn weigh(&self, named: &Target, known: Option<&Known>, looks: Vec<Look>) -> Sought {
        let replicas = replicas_of(&looks);
        let (project, environment) = (&self.scope.project, &self.scope.environment);
        let expected = expected_of(&named.shard, project, environment, known);
        let handed_back = handed_back(&*self.open, known, &looks).await;
        let mut sought = judge(&expected, looks, &handed_back);
        if let Sought::Found(found)
        | Sought::Nowhere {
            writable: Some(found),
            ..
        } = &mut sought
        {
            found.followers = followers_of(&*self.open, found, replicas, known).await;
        }
        sought
    }

    async fn look(
        &self,
        target: Target,
        vouched: Option<String>,
        listed: bool,
        patience: Duration,
    ) -> Look {
        let look = async {
            let opened = self.open.open(&target).await;
            let mut session = opened.map_err(|why| chain(&why))?;
            session.expect_tables(true);
            let seen = session.survey().await;
            session.close().await;
            seen.map_err(|why| chain(&why))
        };
        let seen = tokio::time::timeout(patience, look)
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {patience:?}")));
        Look {
            target,
            seen,
            vouched,
            listed,
        }
    }

    /// What is remembered of the shard now.
    pub async fn known(&self, shard: &ShardName) -> Result<Option<KnownShard>, JournalError> {
        let known = self.journal.known(&self.scope).await?;
        Ok(known.into_iter().find(|known| known.name == *shard))
    }

    /// From now on the shard is reached there.
    pub fn take_seat(&self, named: &Target, found: &Found) {
        let is_elsewhere = found.target.address() != named.address();
        if is_elsewhere || self.seats.get(&named.shard).is_some() {
            self.seats.set(found.target.clone());
        }
    }

    /// … and remembered there: before anything is written on it. `before` is what it was judged by.
    pub async fn adopt(
        &self,
        named: &Target,
        found: &Found,
        before: Option<&KnownShard>,
    ) -> Result<Adopted, JournalError> {
        let known = found.known(before).or_else(|| before.cloned());
        if let Some(after) = &known {
            let amendment = Amendment {
                before: before.cloned(),
                after: after.clone(),
            };
            let lease = self.lease.as_ref();
            let amended = self.journal.amend(&self.scope, lease, &[amendment]).await?;
            if !amended {
                return Ok(Adopted::Stale);
            }
        }
        self.take_seat(named, found);
        Ok(Adopted::Yes(known))
    }
}
