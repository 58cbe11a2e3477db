//! One look at a shard: creates nothing, and sees one moment of the file.

use super::{
    history,
    shard::Shard,
    steps,
    tables::{SHARD, STEP},
};
use crate::error::EngineError;
use greylag_core::{
    engine::Engine,
    survey::{Role, Server, ShardIdentity, Survey},
};
use jiff::Timestamp;
use rusqlite::OptionalExtension;

pub(super) fn survey(shard: &Shard) -> Result<Survey, EngineError> {
    let refused = shard.refused("a survey");
    // A deferred transaction takes no lock that keeps a writer out, and shows all tables as of one moment.
    shard.connection.execute_batch("BEGIN").map_err(&refused)?;
    let seen = look(shard);
    // Nothing was written; a failure to end is one to begin next time, and is told then.
    let _ = shard.connection.execute_batch("ROLLBACK");
    seen
}

/// Which of Greylag's tables are there, and whether anything else is.
pub(super) struct Found {
    pub history: bool,
    pub shard: bool,
    pub step: bool,
    pub others: bool,
}

/// Reads the schema of the file.
pub(super) fn find(shard: &Shard) -> rusqlite::Result<Found> {
    let mut found = Found {
        history: false,
        shard: false,
        step: false,
        others: false,
    };
    let mut statement = shard
        .connection
        .prepare_cached("SELECT type, name, tbl_name FROM main.sqlite_schema")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let name = row.get_ref(1)?.as_str()?;
        let table = row.get_ref(2)?.as_str()?;
        if !shard.tables.owns(table) {
            // sqlite_sequence and its kin are SQLite's own.
            found.others |= !name.starts_with("sqlite_");
        } else if row.get_ref(0)?.as_str()? == "table" {
            found.history |= name.eq_ignore_ascii_case(&shard.tables.history_name);
            found.shard |= name.eq_ignore_ascii_case(SHARD);
            found.step |= name.eq_ignore_ascii_case(STEP);
        }
    }
    Ok(found)
}

fn look(shard: &Shard) -> Result<Survey, EngineError> {
    let found = find(shard).map_err(shard.refused("a survey"))?;
    Ok(Survey {
        shard: shard.target.shard.clone(),
        at: Timestamp::now(),
        server: Server {
            engine: Engine::Sqlite,
            version: rusqlite::version().to_owned(),
            lineage: shard.file.lineage(),
            database: "main".into(),
            address: shard.address.clone(),
            dialled: shard.target.address(),
            instance: None,
        },
        role: role(shard),
        identity: match found.shard {
            true => identity(shard)?,
            false => None,
        },
        empty: !found.others,
        has_history: found.history,
        history: match found.history {
            true => history::read(&shard.connection, &shard.tables)
                .map_err(shard.refused("reading the history table"))?,
            false => Vec::new(),
        },
        steps: match found.step {
            true => steps::read(shard)?,
            false => Vec::new(),
        },
    })
}

fn role(shard: &Shard) -> Role {
    let readonly = shard.connection.is_readonly("main").unwrap_or(true);
    match readonly || shard.file.unwritable().is_some() {
        true => Role::ReadOnly,
        false => Role::Primary,
    }
}

/// The project's row; else another project's, for who a shard is does not depend on who asks.
pub(super) fn identity(shard: &Shard) -> Result<Option<ShardIdentity>, EngineError> {
    let row = shard
        .connection
        .query_row(
            "SELECT uuid, project, name, environment FROM main.greylag_shard
              ORDER BY project <> ?1, claimed_at, project LIMIT 1",
            [&*shard.target.project],
            |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get(1)?,
                    row.get::<_, String>(2)?,
                    row.get(3)?,
                ))
            },
        )
        .optional()
        .map_err(shard.refused("reading greylag_shard"))?;
    let Some((uuid, project, name, environment)) = row else {
        return Ok(None);
    };
    let foreign = |why: String| EngineError::Foreign {
        address: shard.address.clone(),
        what: "a greylag_shard row".into(),
        why,
    };
    Ok(Some(ShardIdentity {
        uuid: uuid
            .parse()
            .map_err(|e| foreign(format!("`{uuid}`: {e}")))?,
        project,
        name: name.parse().map_err(|e| foreign(format!("{e}")))?,
        environment,
    }))
}
