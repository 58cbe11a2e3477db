//! The tables on a shard: Flyway's history table, and Greylag's own beside it.

use super::{
    link::{Answer, Trouble, position},
    message::{Message, What},
    quote::{ident, literal},
    session::PgSession,
    survey::Tables,
};
use crate::{error::EngineError, flyway, session::Claim};

const DOING: &str = "creating greylag's tables";

impl PgSession {
    pub(super) async fn make_tables(&mut self, claim: &Claim) -> Result<(), EngineError> {
        self.making = self.what_makes_tables(claim).await?;
        self.make_now().await
    }

    /// Makes at once what was to be made with the next jobs.
    pub(super) async fn make_now(&mut self) -> Result<(), EngineError> {
        if self.making.is_empty() {
            return Ok(());
        }
        let making = self.making.clone();
        self.make(&making).await?;
        self.tables_are_made();
        Ok(())
    }

    pub(super) fn tables_are_made(&mut self) {
        self.making.clear();
        self.tables = Some(Tables {
            step: self.seen().step,
            ..Tables::USUAL
        });
    }

    /// The statements of one transaction.
    pub(super) async fn what_makes_tables(
        &mut self,
        claim: &Claim,
    ) -> Result<Vec<String>, EngineError> {
        let tables = match self.tables {
            Some(tables) => tables,
            None => {
                self.look().await?;
                self.seen()
            }
        };
        let mut statements = self.create(tables);
        statements.push(self.claim(claim, tables.shard));
        Ok(statements)
    }

    /// What a message that begins with the tables came to, as far as they go. An error where they can't be made, unless something
    /// else is to be said of the message: then why they can't is beside the point, and given back.
    pub(super) async fn judge_tables(
        &mut self,
        message: &Message,
        answer: &mut Answer,
    ) -> Result<Option<String>, EngineError> {
        let Some(last) = message.last(What::Tables) else {
            return Ok(None);
        };
        // Nothing but our own statements stands before them and among them: the count is of what we know.
        if answer.completed > last {
            self.tables_are_made();
            return Ok(None);
        }
        let Some(Trouble::Server(said)) = &answer.trouble else {
            return Ok(None);
        };
        let spot = message.spot(answer.completed, position(said));
        if answer.completed == 0 || spot.what != What::Tables {
            // A message that can't be read does nothing at all (a BEGIN alone is never refused); the tables are made
            // nevertheless, to remember why.
            return Ok(self.make_now().await.err().map(|error| error.to_string()));
        }
        let broken = self.broken(DOING, answer.trouble.take());
        self.link.run("ROLLBACK", usize::MAX).await;
        self.link.hush();
        Err(broken)
    }

    /// Made on first use: most shards never need it, and a table with long values costs as much as three without.
    pub(super) async fn make_step_table(&mut self) -> Result<(), EngineError> {
        let tables = self.seen();
        if self.tables.is_some() && tables.step {
            return Ok(());
        }
        let step = format!(
            "CREATE TABLE IF NOT EXISTS {} (\
             project VARCHAR(100) NOT NULL, migration VARCHAR(220) NOT NULL, checksum INTEGER, \
             state VARCHAR(16) NOT NULL, rollout VARCHAR(64) NOT NULL, epoch BIGINT NOT NULL, \
             statements_done INTEGER NOT NULL, statements_total INTEGER NOT NULL, hashes TEXT NOT NULL, \
             intent TEXT, failure TEXT, started_at TIMESTAMPTZ NOT NULL DEFAULT now(), \
             updated_at TIMESTAMPTZ NOT NULL DEFAULT now(), PRIMARY KEY (project, migration))",
            self.table("greylag_step"),
        );
        self.make(&[step]).await?;
        self.tables = Some(Tables {
            step: true,
            ..tables
        });
        Ok(())
    }

    /// In one transaction, as the role that the project's session SQL makes us.
    async fn make(&mut self, statements: &[String]) -> Result<(), EngineError> {
        self.refresh().await?;
        let mut message = Message::default();
        message.push(What::Head, "BEGIN");
        for sql in statements {
            message.push(What::Head, sql);
        }
        message.push(What::Commit, "COMMIT");
        let answer = self.link.run(message.text(), usize::MAX).await;
        self.link.hush();
        if let Some(trouble) = answer.trouble {
            let broken = self.broken(DOING, Some(trouble));
            self.link.run("ROLLBACK", usize::MAX).await;
            self.link.hush();
            return Err(broken);
        }
        Ok(())
    }

    /// Creates what is missing only: CREATE … IF NOT EXISTS asks for the privilege to create even where nothing is.
    fn create(&self, tables: Tables) -> Vec<String> {
        let name = &self.target.history_table;
        let table = self.table(name);
        let mut sql = Vec::new();
        if !tables.history {
            sql.push(format!(
                "CREATE TABLE IF NOT EXISTS {table} (\
                 installed_rank INT NOT NULL, version VARCHAR(50), description VARCHAR(200) NOT NULL, \
                 type VARCHAR(20) NOT NULL, script VARCHAR(1000) NOT NULL, checksum INTEGER, \
                 installed_by VARCHAR(100) NOT NULL, installed_on TIMESTAMP NOT NULL DEFAULT now(), \
                 execution_time INTEGER NOT NULL, success BOOLEAN NOT NULL, \
                 CONSTRAINT {pk} PRIMARY KEY (installed_rank))",
                pk = ident(&format!("{name}_pk")),
            ));
            // Nobody of ours looks by it, and it costs a new shard a relation: it is there for Flyway.
            if &**name == flyway::TABLE {
                let index = ident(&format!("{name}_s_idx"));
                sql.push(format!(
                    "CREATE INDEX IF NOT EXISTS {index} ON {table} (success)"
                ));
            }
        }
        if !tables.shard {
            // Narrow enough for PostgreSQL to make no second table for long values.
            sql.push(format!(
                "CREATE TABLE IF NOT EXISTS {} (\
                 project VARCHAR(100) PRIMARY KEY, uuid VARCHAR(36) NOT NULL, name VARCHAR(100) NOT NULL, \
                 environment VARCHAR(100) NOT NULL, claimed_at TIMESTAMPTZ NOT NULL DEFAULT now(), \
                 claimed_by VARCHAR(120) NOT NULL)",
                self.table("greylag_shard"),
            ));
        }
        sql
    }

    /// A table that is only being made has no row to be in the way, and what looks for one costs a fresh session.
    fn claim(&self, claim: &Claim, may_be_there: bool) -> String {
        let or_not = match may_be_there {
            true => " ON CONFLICT (project) DO NOTHING",
            false => "",
        };
        let by: String = claim.by.chars().take(120).collect();
        format!(
            "INSERT INTO {} (project, uuid, name, environment, claimed_by) \
             VALUES ({}, {}, {}, {}, {}){or_not}",
            self.table("greylag_shard"),
            literal(&self.target.project),
            literal(&claim.identity.uuid.to_string()),
            literal(claim.identity.name.as_str()),
            literal(&claim.identity.environment),
            literal(&by),
        )
    }

    /// A table of ours, with its schema.
    pub(super) fn table(&self, name: &str) -> String {
        match &self.home {
            Some(home) => format!("{}.{}", ident(&home.schema), ident(name)),
            None => ident(name),
        }
    }
}
