//! Statements that can't share a transaction with their step row: an intent before, the statement alone, the row after.

use greylag_core::{
    outcome::Failure,
    survey::{Intent, StepState},
};

use super::{
    failure,
    history::StepWrite,
    image::{Image, Index, Subject, subject},
    link::{Trouble, position},
    message::{Message, What},
    session::PgSession,
    stepwise::Stop,
    walk::Walk,
};
use crate::job::{Attempt, Note};

impl PgSession {
    pub(super) async fn apart(&mut self, walk: &mut Walk<'_>, index: usize) -> Result<(), Stop> {
        let sql = walk.sql(index);
        let subject = subject(sql);
        self.clear_namesake(walk, &subject).await?;
        self.clear_leftovers(walk, &subject).await?;
        let before = match self.picture(&subject).await {
            Ok(before) => before,
            Err(error) => {
                let failure = self.not_started(std::slice::from_ref(walk.job), &error);
                return Err(self.give_up(walk, failure).await);
            }
        };
        let intent = Intent {
            statement: index as u32,
            hash: walk.hashes[index].clone(),
            before: serde_json::to_value(&before).unwrap_or_default(),
        };
        self.intend(walk, index, &intent).await?;
        let answer = self.link.run(sql, usize::MAX).await;
        match answer.trouble {
            None => self.record(walk, index).await,
            Some(Trouble::Server(said)) => {
                let at = position(&said).map(|at| at as usize - 1);
                let mut failure = failure::failure(&said, walk.job, Some(index), at, walk.left());
                self.mend_class(walk.job, &mut failure);
                if subject == Subject::Opaque {
                    return Err(self.half_done(walk, intent, failure).await);
                }
                self.clear_away(walk, Some(&before)).await?;
                Err(self.give_up(walk, failure).await)
            }
            Some(trouble) => Err(self.stopped(walk, index, trouble).await),
        }
    }

    /// Commits what is about to happen.
    async fn intend(
        &mut self,
        walk: &mut Walk<'_>,
        index: usize,
        intent: &Intent,
    ) -> Result<(), Stop> {
        let write = StepWrite {
            state: StepState::Running,
            done: walk.done,
            hashes: &walk.hashes[..walk.done],
            intent: Some(intent),
            failure: None,
        };
        let mut message = Message::default();
        message.push(What::Head, "BEGIN");
        message.push(What::Head, &walk.guard.set());
        self.own_role(&mut message, What::Tail { job: 0 });
        let row = self.write_step(walk.job, &write, Some(&walk.guard));
        message.push(What::History { job: 0 }, &row);
        message.push(What::Commit, "COMMIT");
        let answer = self.link.run(message.text(), usize::MAX).await;
        match answer.trouble {
            None => Ok(()),
            Some(trouble) => Err(self.stopped(walk, index, trouble).await),
        }
    }

    /// A procedure failed that may have committed before it did: only a person can say what stands.
    async fn half_done(
        &mut self,
        walk: &mut Walk<'_>,
        intent: Intent,
        mut failure: Failure,
    ) -> Stop {
        failure.hint = Some(
            "It commits as it goes, and what it committed before the error stands. Look, mend it, then say how it \
             stands with `greylag rollout settle`."
                .into(),
        );
        failure.left = walk.left();
        let write = StepWrite {
            state: StepState::Failed,
            done: walk.done,
            hashes: &walk.hashes[..walk.done],
            intent: Some(&intent),
            failure: Some(&failure),
        };
        self.link.run("ROLLBACK", usize::MAX).await;
        walk.warn(self.remember(walk.job, &write).await);
        self.link.hush();
        Box::new(Attempt::Failed(failure))
    }

    /// An invalid index of the name that is to be built: what an earlier try left behind, by us or by others. It takes
    /// writes and serves no reads, and IF NOT EXISTS would take it for the real one.
    async fn clear_namesake(&mut self, walk: &mut Walk<'_>, subject: &Subject) -> Result<(), Stop> {
        let Subject::CreateIndex {
            index: Some(name), ..
        } = subject
        else {
            return Ok(());
        };
        let Ok(now) = self.picture(subject).await else {
            return Ok(());
        };
        let bare = name.rsplit('.').next().unwrap_or(name).trim_matches('"');
        let folded = match name.contains('"') {
            true => bare.to_owned(),
            false => bare.to_lowercase(),
        };
        for index in now.indexes.iter().filter(|index| !index.valid) {
            let theirs = index
                .name
                .rsplit('.')
                .next()
                .unwrap_or("")
                .trim_matches('"');
            if theirs == folded {
                self.drop_invalid(walk, index).await?;
            }
        }
        Ok(())
    }

    /// What an earlier try of this session left behind and could not drop.
    async fn clear_leftovers(
        &mut self,
        walk: &mut Walk<'_>,
        subject: &Subject,
    ) -> Result<(), Stop> {
        if self.leftovers.is_empty() {
            return Ok(());
        }
        let Ok(now) = self.picture(subject).await else {
            return Ok(());
        };
        let ours = |index: &&Index| self.leftovers.contains(&index.oid) && !index.valid;
        let ours: Vec<Index> = now.indexes.iter().filter(ours).cloned().collect();
        for index in &ours {
            self.drop_invalid(walk, index).await?;
        }
        Ok(())
    }

    /// Drops the invalid indexes that a failed build left behind.
    pub(super) async fn clear_away(
        &mut self,
        walk: &mut Walk<'_>,
        before: Option<&Image>,
    ) -> Result<(), Stop> {
        let Some(before) = before else {
            return Ok(());
        };
        let Ok(now) = self.picture(&before.subject).await else {
            return Ok(());
        };
        for index in before.left(&now) {
            self.drop_invalid(walk, index).await?;
        }
        Ok(())
    }

    async fn drop_invalid(&mut self, walk: &mut Walk<'_>, index: &Index) -> Result<(), Stop> {
        // Somebody who builds it right now is not to be disturbed: ours then fails by its name, and says so.
        let building = format!(
            "SELECT EXISTS (SELECT FROM pg_stat_progress_create_index WHERE index_relid = {})",
            index.oid
        );
        let under_way = match self.query("looking at an index", &building).await {
            Ok(rows) => rows.first().is_some_and(|row| row.get(0) == Some("t")),
            Err(_) => false,
        };
        if under_way {
            return Ok(());
        }
        let sql = format!("DROP INDEX CONCURRENTLY IF EXISTS {}", index.name);
        let answer = self.link.run(&sql, usize::MAX).await;
        self.link.hush();
        match &answer.trouble {
            None => self.leftovers.remove(&index.oid),
            Some(_) => self.leftovers.insert(index.oid),
        };
        let text = match &answer.trouble {
            None => format!(
                "the invalid index {} was dropped: an earlier build left it",
                index.name
            ),
            Some(Trouble::Server(said)) => format!(
                "the invalid index {} could not be dropped: {}. Drop it by hand: {sql};",
                index.name,
                said.message()
            ),
            Some(Trouble::Lost(_) | Trouble::Unsaid(_)) => return Ok(()),
        };
        (walk.progress)(Note::Warning {
            migration: walk.job.migration.clone(),
            text,
        });
        Ok(())
    }
}
