//! One look at a shard: role, identity, history, steps; one message where the tables exist.

use greylag_core::{
    engine::Engine,
    history::HistoryRow,
    outcome::FailureClass,
    survey::{Role, Server, ShardIdentity, Survey},
};
use jiff::Timestamp;
use tokio_postgres::SimpleQueryRow;

use super::{
    history::{STEP, STEP_COLUMNS, step_row},
    link::{Answer, Trouble},
    quote::{ident, literal},
    session::{Home, PgSession},
};
use crate::error::EngineError;

const DOING: &str = "the survey";

/// Which of greylag's tables are there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    pub shard: bool,
    pub history: bool,
    pub step: bool,
}

impl PgSession {
    pub(super) async fn look(&mut self) -> Result<Survey, EngineError> {
        let assumed = self.assumed_schema().to_owned();
        let mut answer = self.first_look(&assumed).await;
        if self.lineage_is_hidden(&answer) {
            answer = self.first_look(&assumed).await;
        }
        let Some(facts) = Facts::read(&answer.rows, self) else {
            return Err(self.broken(DOING, answer.trouble));
        };
        self.prove_pid(facts.pid)?;
        self.settle_home(facts.schema.as_deref())?;
        let missing =
            matches!(&answer.trouble, Some(Trouble::Server(said)) if said.code().code() == "42P01");
        if answer.trouble.is_some() && !missing {
            return Err(self.broken(DOING, answer.trouble));
        }
        let schema = facts.schema.clone().unwrap_or_default();
        let found = match missing || schema != assumed {
            false => Found {
                tables: ALL,
                rows: answer.rows,
                empty: None,
            },
            true => self.second_look(&schema).await?,
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

    /// Everything in one message. Each function and operator costs a fresh backend as much as a small table, so that
    /// there are as few as can be: texts are sorted, filtered and put together on this side.
    async fn first_look(&self, schema: &str) -> Answer {
        let lineage = match self.lineage_hidden {
            true => ("''", ""),
            false => ("system_identifier", "FROM pg_control_system()"),
        };
        let message = format!(
            "SHOW transaction_read_only; SHOW in_hot_standby; \
             SELECT pg_backend_pid(), current_schema(), current_database(), pg_relation_filepath(1259), \
             inet_server_addr(), inet_server_port(), {} {};\n{}",
            lineage.0,
            lineage.1,
            self.rows(ALL, schema),
        );
        let answer = self.link.run(&message, 0).await;
        self.link.hush();
        answer
    }

    /// An administrator may have taken `pg_control_system` from ordinary roles.
    fn lineage_is_hidden(&mut self, answer: &Answer) -> bool {
        let hidden = answer.completed == 2
            && matches!(&answer.trouble, Some(Trouble::Server(said)) if said.code().code() == "42501");
        self.lineage_hidden |= hidden;
        hidden
    }

    /// Where not all of the tables are there: which are, and whether anything else is.
    async fn second_look(&self, schema: &str) -> Result<Found, EngineError> {
        let history = &self.target.history_table;
        let sql = format!(
            "SELECT relname FROM pg_class WHERE relnamespace = {}::regnamespace \
             AND relname IN ('greylag_shard', 'greylag_step', {});\nSELECT {}",
            literal(&ident(schema)),
            literal(history),
            self.nothing_at_all(schema),
        );
        let answer = self.link.run(&sql, 0).await;
        self.link.hush();
        let seen = match answer.into_rows() {
            Ok(rows) => rows,
            Err(trouble) => return Err(self.broken(DOING, Some(trouble))),
        };
        let there = |name: &str| {
            seen.iter()
                .any(|(index, row)| *index == 0 && row.get(0) == Some(name))
        };
        let tables = Tables {
            shard: there("greylag_shard"),
            history: there(history),
            step: there("greylag_step"),
        };
        let nothing = seen
            .iter()
            .any(|(index, row)| *index == 1 && row.get(0) == Some("t"));
        let mut found = Found {
            tables,
            rows: Vec::new(),
            empty: nothing.then_some(true),
        };
        if tables != Tables::default() {
            let answer = self.link.run(&self.rows(tables, schema), 0).await;
            self.link.hush();
            found.rows = match answer.into_rows() {
                Ok(rows) => tables.spread(rows),
                Err(trouble) => return Err(self.broken(DOING, Some(trouble))),
            };
        }
        Ok(found)
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

    /// Where greylag's tables are: the first schema of the search path that exists, which a schema shard's own must be.
    pub(super) fn settle_home(&mut self, schema: Option<&str>) -> Result<(), EngineError> {
        let Some(schema) = schema else {
            return Err(self.homeless());
        };
        if let Some(own) = self.target.schema.as_deref().filter(|own| *own != schema) {
            return Err(EngineError::Server {
                address: self.target.address(),
                doing: DOING,
                class: FailureClass::Refused,
                code: None,
                message: format!(
                    "the session SQL sets a search_path that leads to {}, and this shard is the schema {}",
                    ident(schema),
                    ident(own)
                ),
                hint: Some(
                    "Take the search_path out of `[session]`, or `schema` out of the shard.".into(),
                ),
            });
        }
        self.home = Some(Home {
            schema: schema.to_owned(),
        });
        Ok(())
    }

    /// A pooler between us and the server gives each message another backend, and our lock with it.
    pub(super) fn prove_pid(&self, says: i32) -> Result<(), EngineError> {
        if says == self.link.pid || self.link.pid == 0 {
            return Ok(());
        }
        Err(EngineError::Server {
            address: self.target.address(),
            doing: "the session",
            class: FailureClass::Refused,
            code: None,
            message: format!(
                "a pooler stands before the server: it calls this connection {}, and the server calls it {says}",
                self.link.pid
            ),
            hint: Some(
                "A pooler breaks session locks; point the shard's URL at the server itself.".into(),
            ),
        })
    }

    pub(super) fn homeless(&self) -> EngineError {
        let (message, hint) = match &self.target.schema {
            Some(schema) => (
                format!(
                    "there is no schema {} that this role may use",
                    ident(schema)
                ),
                format!("Create it: CREATE SCHEMA {};", ident(schema)),
            ),
            None => (
                "no schema of the search_path exists or may be used by this role".to_owned(),
                "Set search_path to a schema that exists, in the role or in `[session]`."
                    .to_owned(),
            ),
        };
        EngineError::Server {
            address: self.target.address(),
            doing: DOING,
            class: FailureClass::Refused,
            code: Some("3F000".into()),
            message,
            hint: Some(hint),
        }
    }

    async fn is_empty(&self) -> Result<bool, EngineError> {
        let answer = self
            .link
            .run(&format!("SELECT {}", self.emptiness()), 0)
            .await;
        match answer.into_rows() {
            Ok(rows) => Ok(rows.first().is_some_and(|(_, row)| row.get(0) == Some("t"))),
            Err(trouble) => Err(self.broken(DOING, Some(trouble))),
        }
    }

    /// True where not a single thing was made since the database was; false may still be empty.
    fn nothing_at_all(&self, schema: &str) -> String {
        // Things that came with the server have smaller numbers.
        const FIRST: &str = "oid >= 16384";
        let within = |column: &str| match self.target.schema {
            Some(_) => format!("AND {column} = {}::regnamespace", literal(&ident(schema))),
            None => String::new(),
        };
        format!(
            "NOT EXISTS (SELECT FROM pg_class WHERE {FIRST} AND relkind IN ('r','p','v','m','S','f','c') {} \
               AND relname NOT IN ('greylag_shard', 'greylag_step', {})) \
             AND NOT EXISTS (SELECT FROM pg_proc WHERE {FIRST} {}) \
             AND NOT EXISTS (SELECT FROM pg_type WHERE {FIRST} AND typtype IN ('d','e','r') {})",
            within("relnamespace"),
            literal(&self.target.history_table),
            within("pronamespace"),
            within("typnamespace"),
        )
    }

    /// True where nobody has anything in the shard: relations, routines, types; extensions' own aside.
    fn emptiness(&self) -> String {
        let spaces = match self.target.schema {
            Some(_) => "SELECT oid FROM pg_namespace WHERE nspname = current_schema()",
            None => {
                "SELECT oid FROM pg_namespace WHERE nspname <> 'information_schema' AND nspname NOT LIKE 'pg\\_%'"
            }
        };
        let loose = |class: &str, oid: &str| {
            format!(
                "NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = '{class}'::regclass \
                 AND d.objid = {oid} AND d.deptype = 'e')"
            )
        };
        format!(
            "NOT EXISTS (SELECT FROM pg_class c WHERE c.relkind IN ('r','p','v','m','S','f','c') \
               AND c.relnamespace IN ({spaces}) \
               AND c.relname NOT IN ('greylag_shard', 'greylag_step', {history}) AND {class}) \
             AND NOT EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace IN ({spaces}) AND {proc}) \
             AND NOT EXISTS (SELECT FROM pg_type t WHERE t.typtype IN ('d','e','r') \
               AND t.typnamespace IN ({spaces}) AND {types})",
            history = literal(&self.target.history_table),
            class = loose("pg_class", "c.oid"),
            proc = loose("pg_proc", "p.oid"),
            types = loose("pg_type", "t.oid"),
        )
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
                "SELECT installed_rank, version, description, type, script, checksum, installed_by, \
                 installed_on, execution_time, success FROM {};\n",
                table(&self.target.history_table),
            );
        }
        if tables.step {
            sql += &format!("SELECT {STEP}, project FROM {};\n", table("greylag_step"));
        }
        sql
    }
}

const ALL: Tables = Tables {
    shard: true,
    history: true,
    step: true,
};

impl Tables {
    /// Numbers the rows of a later message as those of the first one.
    fn spread(self, rows: Vec<(usize, SimpleQueryRow)>) -> Vec<(usize, SimpleQueryRow)> {
        let present: Vec<usize> = [(self.shard, 3), (self.history, 4), (self.step, 5)]
            .into_iter()
            .filter_map(|(there, index)| there.then_some(index))
            .collect();
        rows.into_iter()
            .filter_map(|(index, row)| Some((*present.get(index)?, row)))
            .collect()
    }
}

/// The tables that are there, with their rows numbered as in the first message.
struct Found {
    tables: Tables,
    rows: Vec<(usize, SimpleQueryRow)>,
    empty: Option<bool>,
}

/// What a server says of itself.
struct Facts {
    server: Server,
    role: Role,
    schema: Option<String>,
    pid: i32,
}

impl Facts {
    fn read(rows: &[(usize, SimpleQueryRow)], session: &PgSession) -> Option<Self> {
        let of = |wanted: usize| {
            rows.iter()
                .find(|(index, _)| *index == wanted)
                .map(|(_, row)| row)
        };
        let on = |row: &SimpleQueryRow| row.get(0) == Some("on");
        let row = of(2)?;
        let text = |at: usize| row.get(at).unwrap_or("").to_owned();
        let schema = row.get(1).map(str::to_owned);
        Some(Self {
            role: match (on(of(1)?), on(of(0)?)) {
                (true, _) => Role::Replica,
                (false, true) => Role::ReadOnly,
                (false, false) => Role::Primary,
            },
            server: Server {
                engine: Engine::Postgres,
                version: session.version.clone(),
                lineage: text(6),
                database: format!("{}/{}/{}", text(2), folder(&text(3)), text(1)),
                address: match row.get(4) {
                    Some(address) => format!("{address}:{}", text(5)),
                    None => session.target.address(),
                },
            },
            schema,
            pid: text(0).parse().unwrap_or(-1),
        })
    }
}

/// The number of the database, which is the folder that its catalog is in.
fn folder(path: &str) -> &str {
    path.rsplit('/').nth(1).unwrap_or("")
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

fn history(row: &SimpleQueryRow) -> Result<HistoryRow, String> {
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
