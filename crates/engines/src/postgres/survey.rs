//! One look at a shard: role, identity, history, steps; one message where the tables exist.

use greylag_core::{
    history::HistoryRow,
    survey::{ShardIdentity, Survey},
};
use jiff::Timestamp;
use tokio_postgres::SimpleQueryRow;

use super::{
    facts::{Facts, Reading},
    history::{STEP, STEP_COLUMNS, step_row},
    link::{Answer, Trouble},
    quote::{ident, literal},
    session::PgSession,
};
use crate::error::EngineError;

const DOING: &str = "the survey";

/// The columns that `history` reads.
pub const HISTORY: &str = "installed_rank, version, description, type, script, checksum, \
     installed_by, installed_on, execution_time, success";

/// Which of greylag's tables are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tables {
    pub shard: bool,
    pub history: bool,
    pub step: bool,
}

impl PgSession {
    pub(super) async fn look(&mut self) -> Result<Survey, EngineError> {
        self.making.clear();
        let assumed = self.assumed_schema().to_owned();
        let guess = self.guess();
        let answer = self.asked(&self.first_look(guess, &assumed)).await;
        self.read_look(guess, &assumed, answer).await
    }

    /// Which tables there are, as far as this session knows.
    pub(super) fn seen(&self) -> Tables {
        self.tables.unwrap_or(self.expected)
    }

    /// Which tables a look reckons with: a table that it doesn't ask for stays unseen.
    pub(super) fn guess(&self) -> Tables {
        match self.seen() {
            Tables::NONE => Tables::NONE,
            Tables { step, .. } => Tables {
                step,
                ..Tables::USUAL
            },
        }
    }

    /// What the first message of a look told; more is asked where it did not tell all.
    pub(super) async fn read_look(
        &mut self,
        guess: Tables,
        assumed: &str,
        mut answer: Answer,
    ) -> Result<Survey, EngineError> {
        let facts = loop {
            match Facts::read(&answer.rows, self) {
                Reading::Facts(facts) => break facts,
                // Each is learnt once.
                Reading::Stranger if !self.stranger => self.stranger = true,
                Reading::Odd if !self.odd_style => self.odd_style = true,
                Reading::Nothing if self.lineage_is_hidden(&answer) => self.lineage_hidden = true,
                _ => return Err(self.broken(DOING, answer.trouble)),
            }
            answer = self.asked(&self.first_look(guess, assumed)).await;
        };
        self.lineage.clone_from(&facts.server.lineage);
        self.prove_pid(facts.pid)?;
        self.settle_home(facts.schema.as_deref())?;
        let missing =
            matches!(&answer.trouble, Some(Trouble::Server(said)) if said.code().code() == "42P01");
        if answer.trouble.is_some() && !missing {
            return Err(self.broken(DOING, answer.trouble));
        }
        let schema = facts.schema.clone().unwrap_or_default();
        let guessed = !missing && schema == assumed;
        let found = if guess == Tables::NONE {
            // The rows after the facts are of whatever there is.
            match answer.rows.iter().any(|(index, _)| *index > 2) {
                true => self.second_look(&schema).await?,
                false => Found::nothing(),
            }
        } else if !guessed {
            match self.all(NOTHING_YET).await?.is_empty() {
                true => Found::nothing(),
                false => self.second_look(&schema).await?,
            }
        } else {
            let mut found = Found {
                tables: guess,
                rows: guess.spread(answer.rows, 3),
                empty: None,
            };
            if facts.steps && !guess.step {
                found.tables.step = true;
                let steps = self.all(&self.rows(Tables::STEP, &schema)).await?;
                found.rows.extend(Tables::STEP.spread(steps, 0));
            }
            found
        };
        self.assemble(facts, found).await
    }

    /// The schema that greylag's tables are in, unless the server says otherwise.
    pub(super) fn assumed_schema(&self) -> &str {
        match (&self.home, &self.target.schema) {
            (Some(home), _) => &home.schema,
            (None, Some(schema)) => schema,
            (None, None) => "public",
        }
    }

    /// Everything in one message. Each function and operator (but not `current_schema`, which is a word of the grammar) costs a fresh backend as much as a small table, so that
    /// there are as few as can be: texts are sorted, filtered and put together on this side.
    pub(super) fn first_look(&self, guess: Tables, schema: &str) -> String {
        let started = match self.odd_style {
            true => "extract(epoch FROM pg_postmaster_start_time())",
            false => "pg_postmaster_start_time()",
        };
        // What lasts as long as the server runs is asked once for each of its databases: not in all of them may the role read it.
        let server = match (self.acquaintance(), self.lineage_hidden) {
            (Some(_), _) => "",
            (None, true) => ", inet_server_addr(), inet_server_port(), ''",
            (None, false) => {
                ", inet_server_addr(), inet_server_port(), system_identifier FROM pg_control_system()"
            }
        };
        let step = format!("{}.greylag_step", ident(schema));
        // The steps are read where there are any: few shards have them.
        let steps = match guess == Tables::USUAL {
            true => format!("to_regclass({})", literal(&step)),
            false => "NULL".to_owned(),
        };
        let rows = match guess == Tables::NONE {
            true => NOTHING_YET.to_owned(),
            false => self.rows(guess, schema),
        };
        format!(
            "SHOW transaction_read_only; SHOW in_hot_standby; \
             SELECT pg_backend_pid(), current_schema, current_catalog, pg_relation_filepath(1259), \
             {steps}, {started}{server};\n{rows}"
        )
    }

    async fn asked(&self, message: &str) -> Answer {
        let answer = self.link.run(message, 0).await;
        self.link.hush();
        answer
    }

    /// An administrator may have taken `pg_control_system` from ordinary roles.
    fn lineage_is_hidden(&self, answer: &Answer) -> bool {
        !self.lineage_hidden
            && answer.completed == 2
            && matches!(&answer.trouble, Some(Trouble::Server(said)) if said.code().code() == "42501")
    }

    /// Which of the tables are there, and their rows.
    async fn second_look(&self, schema: &str) -> Result<Found, EngineError> {
        let history = &*self.target.history_table;
        let sql = format!(
            "SELECT relname FROM pg_class WHERE relnamespace = {}::regnamespace \
             AND relname IN ('greylag_shard', 'greylag_step', {})",
            literal(&ident(schema)),
            literal(history),
        );
        let seen = self.all(&sql).await?;
        let there = |name: &str| seen.iter().any(|(_, row)| row.get(0) == Some(name));
        let mut found = Found {
            tables: Tables {
                shard: there("greylag_shard"),
                history: there(history),
                step: there("greylag_step"),
            },
            rows: Vec::new(),
            empty: None,
        };
        if found.tables != Tables::NONE {
            let rows = self.all(&self.rows(found.tables, schema)).await?;
            found.rows = found.tables.spread(rows, 0);
        }
        Ok(found)
    }

    async fn all(&self, sql: &str) -> Result<Vec<(usize, SimpleQueryRow)>, EngineError> {
        let rows = self.asked(sql).await.into_rows();
        rows.map_err(|trouble| self.broken(DOING, Some(trouble)))
    }

    async fn assemble(&mut self, facts: Facts, found: Found) -> Result<Survey, EngineError> {
        let of = |wanted: usize| {
            let rows = found.rows.iter();
            rows.filter(move |(index, _)| *index == wanted)
                .map(|(_, row)| row)
        };
        let foreign = |what: &str, why: String| EngineError::Foreign {
            address: self.target.address(),
            what: what.into(),
            why,
        };
        let project = &*self.target.project;
        // A shard that another project claimed first is somebody's too: its word is the shard's.
        let identity = of(3)
            .find(|row| row.get(1) == Some(project))
            .or_else(|| of(3).next())
            .map(identity)
            .transpose()
            .map_err(|why| foreign("a row of greylag_shard", why))?;
        let mut history = of(4)
            .map(history)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|why| foreign("a row of the history table", why))?;
        history.sort_by_key(|row| row.installed_rank);
        let mut steps = of(5)
            .filter(|row| row.get(STEP_COLUMNS) == Some(project))
            .map(step_row)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|why| foreign("a row of greylag_step", why.to_string()))?;
        steps.sort_by(|a, b| a.migration.cmp(&b.migration));
        let empty = match (found.empty, &identity) {
            (Some(empty), _) => empty,
            (None, Some(_)) => false,
            (None, None) => self.is_empty().await?,
        };
        self.tables = Some(found.tables);
        let last = history.last().map_or(0, |row| row.installed_rank.max(0));
        // Without the lock others may add rows at any time.
        let locked = !self.keys.is_empty();
        self.next_rank = locked.then_some(last.saturating_add(1));
        self.steps = locked.then(|| steps.iter().map(|step| step.migration.clone()).collect());
        Ok(Survey {
            shard: self.target.shard.clone(),
            at: Timestamp::now(),
            server: facts.server,
            role: facts.role,
            identity,
            empty,
            has_history: found.tables.history,
            history,
            steps,
        })
    }

    /// The rows of the tables that are there, in the order identity, history, steps.
    fn rows(&self, tables: Tables, schema: &str) -> String {
        let table = |name: &str| format!("{}.{}", ident(schema), ident(name));
        let mut sql = String::new();
        if tables.shard {
            let shard = table("greylag_shard");
            sql += &format!("SELECT uuid, project, name, environment FROM {shard};\n");
        }
        if tables.history {
            sql += &format!(
                "SELECT {HISTORY} FROM {};\n",
                table(&self.target.history_table),
            );
        }
        if tables.step {
            sql += &format!("SELECT {STEP}, project FROM {};\n", table("greylag_step"));
        }
        sql
    }
}

/// A row where anything at all was made since the server was: what came with it has smaller numbers. Whatever is in a schema of a
/// person's, or in `public`, depends on that schema, so that one catalog tells of tables, routines and types. It is asked by a
/// function, since the operator would have a fresh backend read statistics first, to choose an index that isn't there; and for a
/// column that no index has, so that none is reckoned with.
const NOTHING_YET: &str =
    "SELECT deptype FROM pg_depend WHERE pg_catalog.oidge(objid, '16384') LIMIT 1";

impl Tables {
    pub const NONE: Self = Self {
        shard: false,
        history: false,
        step: false,
    };

    /// Where no migration went statement by statement, and none failed.
    pub const USUAL: Self = Self {
        shard: true,
        history: true,
        step: false,
    };

    const STEP: Self = Self {
        step: true,
        ..Self::NONE
    };

    /// Numbers a message's rows, from its statement `first` on: identity, history, steps.
    fn spread(
        self,
        rows: Vec<(usize, SimpleQueryRow)>,
        first: usize,
    ) -> Vec<(usize, SimpleQueryRow)> {
        let present: Vec<usize> = [(self.shard, 3), (self.history, 4), (self.step, 5)]
            .into_iter()
            .filter_map(|(there, index)| there.then_some(index))
            .collect();
        rows.into_iter()
            .filter_map(|(index, row)| Some((*present.get(index.checked_sub(first)?)?, row)))
            .collect()
    }
}

/// The tables that are there, with their rows: identity 3, history 4, steps 5.
struct Found {
    tables: Tables,
    rows: Vec<(usize, SimpleQueryRow)>,
    empty: Option<bool>,
}

impl Found {
    fn nothing() -> Self {
        Self {
            tables: Tables::NONE,
            rows: Vec::new(),
            empty: Some(true),
        }
    }
}

fn identity(row: &SimpleQueryRow) -> Result<ShardIdentity, String> {
    let text = |at: usize| row.get(at).unwrap_or("");
    Ok(ShardIdentity {
        uuid: text(0).parse().map_err(|e| format!("uuid: {e}"))?,
        project: text(1).to_owned(),
        name: text(2).parse().map_err(|e| format!("name: {e}"))?,
        environment: text(3).to_owned(),
    })
}

/// A row of the columns `HISTORY`.
pub fn history(row: &SimpleQueryRow) -> Result<HistoryRow, String> {
    let text = |at: usize| row.get(at).unwrap_or("").to_owned();
    let number = |at: usize, name: &str| -> Result<i32, String> {
        let text = row.get(at).unwrap_or("");
        text.parse().map_err(|e| format!("{name} is `{text}`: {e}"))
    };
    Ok(HistoryRow {
        installed_rank: number(0, "installed_rank")?,
        version: row.get(1).map(str::to_owned),
        description: text(2),
        kind: text(3),
        script: text(4),
        checksum: row.get(5).map(|_| number(5, "checksum")).transpose()?,
        installed_by: text(6),
        installed_on: text(7),
        execution_time: number(8, "execution_time")?,
        success: row.get(9) == Some("t"),
    })
}
