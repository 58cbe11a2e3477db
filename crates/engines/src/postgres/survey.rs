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
    history::{STEP, step_row},
    link::Trouble,
    quote::{ident, literal},
    session::{Home, PgSession},
};
use crate::error::EngineError;

const DOING: &str = "the survey";

/// Where greylag's tables are looked for, and which of them are there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    pub shard: bool,
    pub history: bool,
    pub step: bool,
}

impl Tables {
    fn all(self) -> bool {
        self.shard && self.history && self.step
    }
}

impl PgSession {
    pub(super) async fn look(&mut self) -> Result<Survey, EngineError> {
        let known = self.home.as_ref().map(|home| home.schema.clone());
        let everything = Tables {
            shard: true,
            history: true,
            step: true,
        };
        let message = [
            self.facts(),
            self.rows(
                everything,
                known.as_deref().or(self.target.schema.as_deref()),
            ),
        ];
        let answer = self.link.run(&message.concat(), 0).await;
        self.link.hush();
        let mut rows = answer.rows;
        let facts = match rows.iter().position(|(index, _)| *index == 0) {
            Some(at) => Facts::read(&rows.remove(at).1),
            None => return Err(self.broken(DOING, answer.trouble)),
        };
        self.arrive(&facts)?;
        let missed =
            matches!(&answer.trouble, Some(Trouble::Server(said)) if said.code().code() == "42P01");
        if answer.trouble.is_some() && !missed {
            return Err(self.broken(DOING, answer.trouble));
        }
        if !facts.tables.all() || !facts.plain && known.is_none() || missed {
            let schema = facts.schema.as_deref();
            let again = self.link.run(&self.rows(facts.tables, schema), 0).await;
            rows = match again.into_rows() {
                Ok(rows) => facts.spread(rows),
                Err(trouble) => return Err(self.broken(DOING, Some(trouble))),
            };
        }
        self.assemble(facts, &rows).await
    }

    async fn assemble(
        &mut self,
        facts: Facts,
        rows: &[(usize, SimpleQueryRow)],
    ) -> Result<Survey, EngineError> {
        let of = |wanted: usize| rows.iter().filter(move |(index, _)| *index == wanted);
        let foreign = |what: &str, why: String| EngineError::Foreign {
            address: self.target.address(),
            what: what.into(),
            why,
        };
        let identity = of(1)
            .next()
            .map(|(_, row)| identity(row))
            .transpose()
            .map_err(|why| foreign("a row of greylag_shard", why))?;
        let history = of(2)
            .map(|(_, row)| history(row))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|why| foreign("a row of the history table", why))?;
        let steps = of(3)
            .map(|(_, row)| step_row(row))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|why| foreign("a row of greylag_step", why.to_string()))?;
        let empty = match (facts.empty, &identity) {
            (Some(empty), _) => empty,
            (None, Some(_)) => false,
            (None, None) => self.is_empty().await?,
        };
        self.tables = Some(facts.tables);
        self.steps = Some(steps.iter().map(|step| step.migration.clone()).collect());
        Ok(Survey {
            shard: self.target.shard.clone(),
            at: Timestamp::now(),
            server: facts.server,
            role: facts.role,
            identity,
            empty,
            has_history: facts.tables.history,
            history,
            steps,
        })
    }

    /// Remembers where greylag's tables are, and refuses what can't be worked with.
    fn arrive(&mut self, facts: &Facts) -> Result<(), EngineError> {
        self.prove_pid(facts.pid)?;
        self.settle_home(facts.schema.as_deref())
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

    fn facts(&self) -> String {
        let history = literal(&ident(&self.target.history_table));
        let there = |name: &str| {
            format!("to_regclass(quote_ident(current_schema()) || '.' || {name}) IS NOT NULL")
        };
        let plain = |name: &str| {
            format!(
                "to_regclass({name}) IS NOT DISTINCT FROM to_regclass(quote_ident(current_schema()) || '.' || {name})"
            )
        };
        format!(
            "SELECT current_setting('server_version'), \
             CASE WHEN has_function_privilege('pg_control_system()', 'execute') \
               THEN (SELECT system_identifier::text FROM pg_control_system()) ELSE '' END, \
             current_database(), (SELECT oid FROM pg_database WHERE datname = current_database()), \
             current_schema(), \
             coalesce(host(inet_server_addr()) || ':' || inet_server_port(), 'local:' || current_setting('port')), \
             pg_is_in_recovery(), current_setting('transaction_read_only'), pg_backend_pid(), \
             {shard}, {hist}, {step}, {plain_shard} AND {plain_hist} AND {plain_step}, \
             CASE WHEN {shard} THEN NULL ELSE {empty} END;\n",
            shard = there("'greylag_shard'"),
            hist = there(&history),
            step = there("'greylag_step'"),
            plain_shard = plain("'greylag_shard'"),
            plain_hist = plain(&history),
            plain_step = plain("'greylag_step'"),
            empty = self.emptiness(),
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
    fn rows(&self, tables: Tables, schema: Option<&str>) -> String {
        let table = |name: &str| match schema {
            Some(schema) => format!("{}.{}", ident(schema), ident(name)),
            None => ident(name),
        };
        let project = literal(&self.target.project);
        let mut sql = String::new();
        if tables.shard {
            sql += &format!(
                "SELECT uuid, project, name, environment FROM {} \
                 ORDER BY project <> {project}, claimed_at LIMIT 1;\n",
                table("greylag_shard"),
            );
        }
        if tables.history {
            sql += &format!(
                "SELECT installed_rank, version, description, type, script, checksum, installed_by, \
                 installed_on, execution_time, success FROM {} ORDER BY installed_rank;\n",
                table(&self.target.history_table),
            );
        }
        if tables.step {
            sql += &format!(
                "SELECT {STEP} FROM {} WHERE project = {project} ORDER BY started_at;\n",
                table("greylag_step"),
            );
        }
        sql
    }
}

/// The first row of a survey.
struct Facts {
    server: Server,
    role: Role,
    schema: Option<String>,
    pid: i32,
    tables: Tables,
    /// The tables are found without a schema's name too.
    plain: bool,
    empty: Option<bool>,
}

impl Facts {
    fn read(row: &SimpleQueryRow) -> Self {
        let text = |at: usize| row.get(at).unwrap_or("").to_owned();
        let yes = |at: usize| row.get(at) == Some("t");
        let schema = row.get(4).map(str::to_owned);
        Self {
            role: match (yes(6), row.get(7) == Some("on")) {
                (true, _) => Role::Replica,
                (false, true) => Role::ReadOnly,
                (false, false) => Role::Primary,
            },
            server: Server {
                engine: Engine::Postgres,
                version: text(0),
                lineage: text(1),
                database: format!("{}/{}/{}", text(2), text(3), text(4)),
                address: text(5),
            },
            schema,
            pid: text(8).parse().unwrap_or(-1),
            tables: Tables {
                shard: yes(9),
                history: yes(10),
                step: yes(11),
            },
            plain: yes(12),
            empty: row.get(13).map(|text| text == "t"),
        }
    }

    /// Numbers the rows of a second message as those of a whole first one.
    fn spread(&self, rows: Vec<(usize, SimpleQueryRow)>) -> Vec<(usize, SimpleQueryRow)> {
        let present: Vec<usize> = [
            (self.tables.shard, 1),
            (self.tables.history, 2),
            (self.tables.step, 3),
        ]
        .into_iter()
        .filter_map(|(there, index)| there.then_some(index))
        .collect();
        rows.into_iter()
            .filter_map(|(index, row)| Some((*present.get(index)?, row)))
            .collect()
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
