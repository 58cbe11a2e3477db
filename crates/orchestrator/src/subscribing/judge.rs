//! File by file, what a subscriber makes of its shard's work. Asks nobody anything.

use crate::{
    executor::{Scripts, lacks, refusal},
    fleet::FleetShard,
};
use greylag_core::{
    history::Reading,
    migration::{MigrationId, OnSubscribers, Phase},
    node::{Intake, Published},
    outcome::Failure,
};
use greylag_lint::share::{Share, Sharer, Take};

/// What is made of one file.
pub struct Judged {
    pub id: MigrationId,
    pub phase: Phase,
    pub share: Share,
    /// Its history has it already.
    pub is_there: bool,
    /// Why it can't be taken, with the place.
    pub refused: Option<Failure>,
}

impl Judged {
    /// Whether it is still to run there.
    pub fn is_to_run(&self) -> bool {
        !self.is_there && self.share.runs()
    }

    /// Why not all of it runs there: nothing is said where the project says that nothing does.
    pub fn left(&self, intake: Intake) -> Vec<String> {
        if self.is_there || intake == Intake::Nothing {
            return Vec::new();
        }
        self.share.left().into_iter().map(str::to_owned).collect()
    }
}

/// Judges the work in the order in which it runs; `has` is what the subscriber's own history says. An error is of the files.
pub fn judge(
    scripts: &Scripts,
    publisher: &FleetShard,
    work: impl Iterator<Item = (MigrationId, Phase)>,
    intake: Intake,
    published: &Published,
    has: &Reading,
) -> Result<Vec<Judged>, Failure> {
    let mut sharer = Sharer::new(published, intake);
    let judged = work.map(|(id, phase)| {
        let script = scripts.script(&id, publisher)?;
        let file = scripts.get(&id);
        let directive = match intake {
            Intake::Nothing => Some(OnSubscribers::Skip),
            Intake::Published | Intake::All => file.and_then(|file| file.directives.subscribers),
        };
        let share = sharer.share(&script, phase, directive);
        let is_there = !lacks(has, &id);
        let obstacle = share.obstacle().filter(|_| !is_there);
        let refused = obstacle.map(|(at, obstacle)| Failure {
            migration: Some(id.clone()),
            place: file.and_then(|file| script.place(&file.script, at)),
            ..stand_in_the_way(obstacle, intake)
        });
        Ok(Judged {
            id,
            phase,
            share,
            is_there,
            refused,
        })
    });
    judged.collect()
}

fn stand_in_the_way(obstacle: &Take, intake: Intake) -> Failure {
    const SAY: &str = "Write `-- greylag:subscribers run` at the top of the file (all of it runs there) or `-- greylag:subscribers skip` (nothing of it)";
    match obstacle {
        Take::Stops(why) => refusal(
            format!("it would stop apply there: {why}"),
            "Expand and contract instead (add, fill, read the new one, then drop in a file of phase contract); or write `-- greylag:subscribers skip` at the top of the file and change the subscriber by hand while nothing is written.",
        ),
        Take::Doubt(why) => {
            let all = match intake {
                Intake::All => "",
                Intake::Published | Intake::Nothing => {
                    " `migrations = \"all\"` at the subscriber runs there what can't be judged."
                }
            };
            refusal(
                format!("whether the statement runs there can't be told: {why}"),
                &format!("{SAY}, or give the statement a file of its own.{all}"),
            )
        }
        Take::Run | Take::Along | Take::Leave(_) | Take::Comes(_) => {
            refusal("it is in doubt".into(), SAY)
        }
    }
}
