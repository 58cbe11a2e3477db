//! From looks at all of a shard's servers to the one that is its primary, or to why none is.

use super::seek::{Found, Sought};
use greylag_core::{
    identity::{self, Expected, Node, Proof, Refusal},
    survey::{Role, Server, Survey},
};
use greylag_engines::Target;

/// One server, and what was seen of it.
pub struct Look {
    pub target: Target,
    pub seen: Result<Survey, String>,
    /// The name of several hosts under which the project has it, too.
    pub vouched: Option<String>,
    /// The project lists it as a replica of the shard.
    pub listed: bool,
}

/// Judges all of them together: one primary is found, two are refused.
/// Of the primaries that were, `handed_back` are those that the server which took their place follows now.
pub fn judge(expected: &Expected<'_>, looks: Vec<Look>, handed_back: &[Server]) -> Sought {
    let mut primaries: Vec<(Target, Survey)> = Vec::new();
    let mut deposed: Vec<(Target, Survey, Refusal)> = Vec::new();
    let mut rivals: Vec<Survey> = Vec::new();
    let mut said = Vec::new();
    let writable = only_writable(&looks);
    for Look {
        target,
        seen,
        vouched,
        listed,
    } in looks
    {
        let survey = match seen {
            Ok(survey) => survey,
            Err(why) => {
                said.push(format!("{}: {why}", target.address()));
                continue;
            }
        };
        match prove(expected, &survey, vouched) {
            Ok(Proof::Proven | Proof::Recognised) => {
                let same = |(_, other): &(Target, Survey)| is_same(&other.server, &survey.server);
                if !primaries.iter().any(same) {
                    primaries.push((target, survey));
                }
            }
            Ok(Proof::Empty | Proof::Claimed) => said.push(format!(
                "{} carries no identity, and is not taken for the shard",
                survey.server.address
            )),
            Err(refusal @ Refusal::Deposed { .. }) => deposed.push((target, survey, refusal)),
            Err(refusal) => {
                if listed && matches!(refusal, Refusal::Moved { .. }) {
                    rivals.push(survey);
                }
                said.push(match &refusal {
                Refusal::NotPrimary { address, .. } => format!("{address} is a replica"),
                Refusal::ReadOnly { address, .. } => format!("{address} is read-only"),
                Refusal::Moved { address, .. } => format!(
                    "{address} accepts writes and carries the shard's identity, but was never proven its node: if it is, point `primary` at it and run `greylag fleet accept {} --reason …`",
                    expected.shard
                ),
                other => other.to_string(),
                });
            }
        }
    }
    if primaries.is_empty() {
        let is_back = |(_, survey, _): &mut (_, Survey, _)| {
            handed_back.iter().any(|one| is_same(one, &survey.server))
        };
        let back = deposed.extract_if(.., is_back);
        primaries.extend(back.map(|(target, survey, _)| (target, survey)));
    }
    // One server under two names is one, whatever is remembered of either: the name of a service leads wherever the primary is.
    let is_one = |other: &Survey| {
        let mut servers = primaries.iter().map(|(_, one)| &one.server);
        servers.any(|server| is_same(server, &other.server))
    };
    rivals.retain(|survey| !is_one(survey));
    deposed.retain(|(_, survey, _)| !is_one(survey));
    let two = |one: &Survey, other: &Survey| {
        let refusal = Refusal::TwoPrimaries {
            shard: expected.shard.clone(),
            address: one.server.address.clone(),
            other: other.server.address.clone(),
        };
        let seen = Box::new(one.clone());
        Sought::Refused { refusal, seen }
    };
    // The project calls it a replica, it carries the shard's identity, and accepts writes: proven or not, it is one too many.
    if let ([(_, one)], Some(other)) = (&primaries[..], rivals.first()) {
        return two(one, other);
    }
    match (&primaries[..], deposed.first()) {
        ([(_, one), (_, other), ..], _) => two(one, other),
        ([(_, one)], Some((_, other, _))) => two(one, other),
        ([], Some((_, seen, refusal))) => Sought::Refused {
            refusal: refusal.clone(),
            seen: Box::new(seen.clone()),
        },
        ([], None) => Sought::Nowhere { said, writable },
        ([_], None) => {
            let (target, survey) = primaries.remove(0);
            Sought::Found(Box::new(Found::alone(target, survey)))
        }
    }
}

fn prove(
    expected: &Expected<'_>,
    survey: &Survey,
    vouched: Option<String>,
) -> Result<Proof, Refusal> {
    let refusal = match (identity::judge(expected, survey), &vouched) {
        (Err(refusal @ Refusal::Moved { .. }), Some(_)) => refusal,
        (judged, _) => return judged,
    };
    let mut survey = survey.clone();
    survey.server.dialled = vouched.unwrap_or_default();
    identity::judge(expected, &survey).map_err(|_| refusal)
}

fn only_writable(looks: &[Look]) -> Option<Box<Found>> {
    let mut writable = looks.iter().filter_map(|look| {
        let survey = look.seen.as_ref().ok()?;
        (survey.role == Role::Primary)
            .then(|| Box::new(Found::alone(look.target.clone(), survey.clone())))
    });
    match (writable.next(), writable.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

/// Whether two looks were at one server. Its run tells that, where both say it: two servers may say one address.
fn is_same(one: &Server, other: &Server) -> bool {
    let is_kin = one.lineage == other.lineage && one.database == other.database;
    match (&one.instance, &other.instance) {
        (Some(one), Some(other)) => is_kin && one == other,
        _ => Node::from(one).is(other),
    }
}

#[cfg(test)]
mod tests;
