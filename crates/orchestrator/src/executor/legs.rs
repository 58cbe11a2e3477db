//! In which turns a shard and its subscribers get the files of a stage: version by version, the subscribers first.
//!
//! A file may need rows on a subscriber that one before it writes on the publisher, so neither gets all of them before the other.

use greylag_core::migration::MigrationId;

/// Files that the publisher gets in one go, once subscribers have what they take of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leg {
    pub files: Vec<MigrationId>,
}

/// Cuts the work before each file that a subscriber takes. What none of them takes goes with what comes before it. Never empty: a
/// subscriber may have to be made ready though nothing is to be done.
pub fn legs(work: &[MigrationId], takes: impl Fn(&MigrationId) -> bool) -> Vec<Leg> {
    let mut legs = vec![Leg::default()];
    for id in work {
        if takes(id) && legs.last().is_some_and(|leg| !leg.files.is_empty()) {
            legs.push(Leg::default());
        }
        if let Some(leg) = legs.last_mut() {
            leg.files.push(id.clone());
        }
    }
    legs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(work: &[&str], taken: &[&str]) -> Vec<Vec<String>> {
        let work: Vec<MigrationId> = work.iter().map(|id| id.parse().unwrap()).collect();
        let legs = legs(&work, |id| taken.contains(&&*id.to_string()));
        let names = |leg: &Leg| leg.files.iter().map(ToString::to_string).collect();
        legs.iter().map(names).collect()
    }

    #[test]
    fn each_file_that_a_subscriber_takes_goes_there_and_then_to_the_publisher() {
        let all = ["V1", "V2", "V3"];
        assert_eq!(cut(&all, &all), [["V1"], ["V2"], ["V3"]]);
    }

    #[test]
    fn what_no_subscriber_takes_goes_with_what_comes_before_it() {
        let all = ["V1", "V2", "V3", "V4"];
        assert_eq!(
            cut(&all, &["V2", "V4"]),
            [vec!["V1"], vec!["V2", "V3"], vec!["V4"]]
        );
        assert_eq!(cut(&all, &[]), [all.to_vec()]);
        assert_eq!(cut(&[], &[]), [Vec::<String>::new()]);
    }
}
