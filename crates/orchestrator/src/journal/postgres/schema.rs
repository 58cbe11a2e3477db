//! The state store's tables.

use super::{super::JournalError, acts, work::explain};
use tokio_postgres::Client;

/// The format this version writes.
const FORMAT: i64 = 1;

const TABLES: &str = "
CREATE TABLE greylag_state_format(format bigint NOT NULL);
CREATE TABLE greylag_state_lease(
  scope text PRIMARY KEY,
  holder text NOT NULL,
  holder_uuid text NOT NULL,
  epoch bigint NOT NULL,
  since timestamptz NOT NULL,
  expires timestamptz NOT NULL
);
CREATE TABLE greylag_state_rollout(
  id text PRIMARY KEY,
  project text NOT NULL,
  environment text NOT NULL,
  digest text NOT NULL,
  plan text NOT NULL,
  begun timestamptz NOT NULL,
  ended text,
  sequence bigint NOT NULL
);
CREATE INDEX greylag_state_rollout_of_project ON greylag_state_rollout(project, environment, begun);
CREATE TABLE greylag_state_file(
  rollout text NOT NULL REFERENCES greylag_state_rollout(id),
  script text NOT NULL,
  text text NOT NULL,
  PRIMARY KEY(rollout, script)
);
CREATE TABLE greylag_state_event(
  rollout text NOT NULL REFERENCES greylag_state_rollout(id),
  sequence bigint NOT NULL,
  body text NOT NULL,
  PRIMARY KEY(rollout, sequence)
);
CREATE TABLE greylag_state_inbox(
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  token text NOT NULL UNIQUE,
  rollout text NOT NULL REFERENCES greylag_state_rollout(id),
  by text NOT NULL,
  at timestamptz NOT NULL,
  request text NOT NULL,
  folded boolean,
  answer text
);
CREATE INDEX greylag_state_inbox_waiting ON greylag_state_inbox(rollout) WHERE folded IS NULL;
CREATE TABLE greylag_state_shard(
  project text NOT NULL,
  environment text NOT NULL,
  name text NOT NULL,
  body text NOT NULL,
  PRIMARY KEY(project, environment, name)
);
CREATE TABLE greylag_state_forgotten(
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  project text NOT NULL,
  environment text NOT NULL,
  name text NOT NULL,
  body text NOT NULL,
  at timestamptz NOT NULL,
  by text NOT NULL,
  reason text NOT NULL
);
INSERT INTO greylag_state_format VALUES (1);
";

/// The store's format; 0 where there are no tables.
pub async fn format(client: &Client, at: &str) -> Result<i64, JournalError> {
    let failed = |source| explain(at, "reading its format", source);
    if !is_there(client, "greylag_state_format")
        .await
        .map_err(failed)?
    {
        return Ok(0);
    }
    let found: i64 = client
        .query_one("SELECT max(format) FROM greylag_state_format", &[])
        .await
        .map_err(failed)?
        .get(0);
    if found > FORMAT {
        return Err(JournalError::Newer {
            at: at.to_owned(),
            found,
            known: FORMAT,
        });
    }
    Ok(found)
}

/// Makes the tables where there are none; two that come at once take turns.
pub async fn create(client: &Client, at: &str) -> Result<(), JournalError> {
    let failed = |source| explain(at, "making its tables", source);
    if format(client, at).await? > 0
        && is_there(client, "greylag_state_act")
            .await
            .map_err(failed)?
    {
        return Ok(());
    }
    client
        .batch_execute("BEGIN; SELECT pg_advisory_xact_lock(5139887114276401223)")
        .await
        .map_err(failed)?;
    let made = match format(client, at).await {
        Ok(0) => client
            .batch_execute(&format!("{TABLES}{}", acts::TABLE))
            .await
            .map_err(failed),
        Ok(_) => client.batch_execute(acts::TABLE).await.map_err(failed),
        Err(why) => Err(why),
    };
    let end = if made.is_ok() { "COMMIT" } else { "ROLLBACK" };
    client.batch_execute(end).await.map_err(failed)?;
    made
}

async fn is_there(client: &Client, table: &str) -> Result<bool, tokio_postgres::Error> {
    // Not to_regclass: its cache may be older than the lock that was waited for.
    let found = client
        .query_one(
            "SELECT EXISTS (SELECT FROM pg_catalog.pg_class
             WHERE relname = $1::text::name AND pg_table_is_visible(oid))",
            &[&table],
        )
        .await?;
    Ok(found.get(0))
}
