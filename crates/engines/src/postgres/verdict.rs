//! Whether a transaction was committed, in the server's own words: a mark that its COMMIT leaves behind, and nothing else does.
//!
//! The mark is a setting, which goes with the transaction that set it unless that is committed. It is shown right behind the
//! COMMIT, and is known by what it says: how many statements a server counts before it is for somebody else's text to decide.

use greylag_core::{migration::MigrationId, outcome::Doubt};

use super::{
    guard::Guard,
    link::{Answer, Trouble, plain},
    message::{Message, What},
    session::PgSession,
};

/// What an answer says of a COMMIT.
pub enum Verdict {
    Committed,
    /// The server refused something, and nothing of the transaction stands. Whether one was open at all when it did.
    RolledBack {
        was_open: bool,
    },
    /// Only a look at the shard can tell.
    Unknown(String),
}

impl PgSession {
    /// Ends a message's transaction, and has the server show that it did.
    pub(super) fn end_with_mark(&self, message: &mut Message, guard: &Guard) {
        message.push(What::Commit, &guard.mark());
        message.push(What::Commit, "COMMIT");
        message.push(What::After, SHOWN);
    }

    /// What became of the transaction that [`Self::end_with_mark`] ends.
    pub(super) async fn verdict(&self, answer: &Answer, guard: &Guard) -> Verdict {
        if answer.has(&guard.marked()) {
            return Verdict::Committed;
        }
        match &answer.trouble {
            // A cancel may fall between the COMMIT and its mark.
            Some(Trouble::Server(_)) => match self.is_marked(guard).await {
                Ok((true, _)) => Verdict::Committed,
                Ok((false, was_open)) => Verdict::RolledBack { was_open },
                Err(Trouble::Lost(error)) => Verdict::Unknown(self.lost_answer(&error)),
                Err(Trouble::Server(said)) => Verdict::Unknown(format!(
                    "{} does not say whether its COMMIT took effect: {}",
                    self.target.address(),
                    said.message()
                )),
                Err(Trouble::Unsaid(why)) => Verdict::Unknown(why),
            },
            Some(Trouble::Lost(error)) => Verdict::Unknown(self.lost_answer(error)),
            Some(Trouble::Unsaid(why)) => Verdict::Unknown(why.clone()),
            None => Verdict::Unknown(format!(
                "{} answered everything, and not that the transaction was committed",
                self.target.address()
            )),
        }
    }

    fn lost_answer(&self, error: &tokio_postgres::Error) -> String {
        format!(
            "the connection to {} was lost before the answer came: {}",
            self.target.address(),
            plain(error)
        )
    }

    /// How many statements of a message completed, counted as it counts them: from the mark, whose place in it is known.
    pub(super) fn recount(&self, message: &Message, answer: &Answer, guard: &Guard) -> usize {
        let marked = guard.marked();
        let shown = answer
            .rows
            .iter()
            .find(|(_, row)| row.get(0) == Some(&*marked));
        match (shown, message.index(What::After)) {
            (Some((at, _)), Some(known)) => answer.completed + known - at,
            _ => answer.completed,
        }
    }

    /// Undoes what is open, and asks for the mark; whether anything was open.
    async fn is_marked(&self, guard: &Guard) -> Result<(bool, bool), Trouble> {
        let marked = guard.marked();
        let sql = "ROLLBACK; BEGIN ISOLATION LEVEL READ COMMITTED; \
             SELECT pg_catalog.current_setting('greylag.committed', true); COMMIT";
        self.link.hush();
        let mut answer = self.link.run_marked(sql, &marked).await;
        let mut notices = self.link.notices().into_iter();
        let was_open = !notices.any(|(code, _)| code == NOTHING_OPEN);
        match answer.trouble.take() {
            Some(trouble) => Err(trouble),
            None => Ok((answer.has(&marked), was_open)),
        }
    }
}

/// Takes no snapshot, which the file's settings could keep waiting.
pub const SHOWN: &str = "SHOW greylag.committed";

/// The warning of a ROLLBACK without a transaction.
const NOTHING_OPEN: &str = "25P01";

pub fn doubt(migration: Option<MigrationId>, why: String) -> Doubt {
    Doubt {
        migration,
        place: None,
        why,
        needs_person: false,
    }
}
