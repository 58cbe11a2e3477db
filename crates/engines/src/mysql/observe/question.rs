//! Puts questions to a server in one packet, and keeps apart those that the account may not ask.

use crate::mysql::link::{Answer, Link, Trouble};

/// What a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// Who the server is, and its positions; everybody may ask: one row of `lineage`, `own`, `id`, `address`, `read_only`, `gtids`,
    /// `written`, `replayed`, `instruments`.
    Facts,
    /// A row for each source, in the server's own columns.
    Replica,
    /// Where that is refused: one row of `hint`, 1 where the server gives itself away as a replica.
    Hint,
    /// The binary log that is written to: `File`, `Position`.
    Log,
    /// How old what is received and applied is, for each source: `channel`, `silent_us`, `heartbeat_s`, `applying_us`, `error`.
    Ages,
    /// Appliers and those who read the binary log: `id`, `kind` (`applier`, `dump`), `user`, `host`, `state`, `identity`.
    Threads,
    /// Of sessions that are not Greylag's (`mark`): `active`, `waiting`.
    Load,
    /// The oldest transaction of somebody else: `pid`, `user`, `holds`, `query`, `open_ms`, `application`.
    Oldest,
    /// Those who wait for a row: `id`, and `own`, 1 for one of Greylag's.
    RowWaits,
    /// Replicas that have made themselves known, in the server's own columns.
    Children,
    /// The row of `greylag_shard`; asked last of all, for the table may not be there.
    Shard,
}

/// One question, and what is not known where it is refused.
#[derive(Debug)]
pub struct Question {
    pub topic: Topic,
    pub sql: &'static str,
    pub unseen: &'static str,
    /// The privilege it needs on everything; tables of the performance schema come on top.
    pub privilege: &'static str,
    /// It is answered to everybody, but in full only to those who may ask about this.
    pub hangs_on: Option<Topic>,
}

/// All that a flavour asks in one look, and where more has to be known.
pub struct Look {
    pub questions: &'static [Question],
    /// Asked besides where there are no GTIDs.
    pub log: Option<fn(&str) -> &'static Question>,
    /// Asked where `Topic::Replica` is refused.
    pub hint: Option<&'static Question>,
    /// Who holds what an applier waits for; each by itself, as `Topic::Oldest`.
    pub replay_blockers: &'static [&'static str],
    /// Whoever holds what an applier waits for is among them: where they are none, it has just been let go.
    pub sees_all_holders: bool,
    /// Those who hold locks on tables, as `Topic::Oldest`; the first that the server has is asked.
    pub in_the_way: &'static [InTheWay],
    pub status: super::StatusColumns,
    /// Columns of `Topic::Children`: identity, number, host, port.
    pub child: [&'static str; 4],
}

/// A way to see who holds locks on `{tables}`, a condition on a schema and a name.
pub struct InTheWay {
    pub sql: &'static str,
    pub schema: &'static str,
    pub name: &'static str,
}

/// What was answered in one look.
#[derive(Debug, Default)]
pub struct Answers(Vec<(Topic, Answer)>);

/// What is read from InnoDB's transactions, and not at every look (`blockers::SLOWLY`).
pub const SLOW: [Topic; 2] = [Topic::Oldest, Topic::RowWaits];

/// A question that was refused, and the grant that would let it be asked.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub topic: Topic,
    pub unseen: &'static str,
    pub grant: String,
}

impl Answers {
    /// Forgets what was answered in part only.
    pub fn drop_partial(&mut self, questions: &[&'static Question], refusals: &[Refusal]) {
        let partial = |topic: Topic| {
            let question = questions.iter().find(|q| q.topic == topic);
            let on = question.and_then(|q| q.hangs_on);
            on.is_some_and(|on| refusals.iter().any(|r| r.topic == on))
        };
        self.0.retain(|(topic, _)| !partial(*topic));
    }

    /// The answers about some topics alone.
    pub fn only(&self, topics: &[Topic]) -> Answers {
        let about = |(topic, _): &&(Topic, Answer)| topics.contains(topic);
        Answers(self.0.iter().filter(about).cloned().collect())
    }

    pub fn extend(&mut self, more: &Answers) {
        self.0.extend(more.0.iter().cloned());
    }

    pub fn get(&self, topic: Topic) -> Option<&Answer> {
        self.0
            .iter()
            .find(|(about, _)| *about == topic)
            .map(|(_, a)| a)
    }
}

/// Asks all of it in one packet; where one is refused, the rest in another. `shard` goes last, and may fail.
pub async fn ask(
    link: &mut Link,
    questions: &[&'static Question],
    shard: Option<&str>,
    heard: &mut Answers,
    refusals: &mut Vec<Refusal>,
) -> Result<(), Trouble> {
    let mut rest = questions;
    while !rest.is_empty() {
        let packet: Vec<&str> = rest.iter().map(|q| q.sql).chain(shard).collect();
        let mut answers = Vec::new();
        let outcome = link.run_all(packet.join("; "), &mut answers).await;
        let answered = answers.len();
        let topics = rest.iter().map(|q| q.topic).chain([Topic::Shard]);
        heard.0.extend(topics.zip(answers));
        match outcome {
            Ok(()) => break,
            Err(Trouble::Server(error)) if answered == rest.len() && is_absence(error.code) => {
                break;
            }
            Err(Trouble::Server(error)) if answered < rest.len() && is_refusal(error.code) => {
                let question = rest[answered];
                refusals.push(Refusal {
                    topic: question.topic,
                    unseen: question.unseen,
                    grant: grant(question, error.code),
                });
                rest = &rest[answered + 1..];
            }
            Err(trouble) => return Err(trouble),
        }
    }
    Ok(())
}

/// Refusals by the grant that would mend them: what is not seen, and the grant.
pub fn by_grant(refusals: &[Refusal]) -> Vec<(String, String)> {
    let mut grouped: Vec<(String, String)> = Vec::new();
    for refusal in refusals {
        match grouped
            .iter_mut()
            .find(|(_, grant)| *grant == refusal.grant)
        {
            Some((unseen, _)) if !unseen.contains(refusal.unseen) => {
                unseen.push_str("; ");
                unseen.push_str(refusal.unseen);
            }
            Some(_) => {}
            None => grouped.push((refusal.unseen.to_owned(), refusal.grant.clone())),
        }
    }
    grouped
}

/// … and the statement that gives it to the account.
pub fn mends(refusals: &[Refusal], account: &str) -> Vec<(String, String)> {
    let grantee = crate::mysql::diagnose::grantee(account);
    let grants = by_grant(refusals).into_iter();
    grants
        .map(|(unseen, grant)| (unseen, format!("GRANT {grant} TO {grantee}")))
        .collect()
}

/// No such table or database; to an account without rights on it, the same in other words.
fn is_absence(code: u16) -> bool {
    matches!(code, 1044 | 1049 | 1142 | 1146)
}

/// The account lacks a privilege; or the server lacks a function that would do without one.
fn is_refusal(code: u16) -> bool {
    matches!(code, 1044 | 1142 | 1143 | 1227 | 1305 | 1370)
}

fn grant(question: &Question, code: u16) -> String {
    match code {
        1142 | 1143 => "SELECT ON performance_schema.*".into(),
        _ => format!("{} ON *.*", question.privilege),
    }
}

/// The same in both flavours.
pub const ROW_WAITS: Question = Question {
    topic: Topic::RowWaits,
    sql: "SELECT trx_mysql_thread_id AS id, \
          COALESCE(IS_USED_LOCK(CONCAT('greylag-session-', trx_mysql_thread_id)) = trx_mysql_thread_id, 0) AS own \
          FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT' LIMIT 1000",
    unseen: "who waits for rows",
    privilege: "PROCESS",
    hangs_on: None,
};
