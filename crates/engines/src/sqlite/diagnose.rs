//! What `doctor` has to say about a shard's file.

use super::{shard::Shard, sidecar};
use crate::{
    error::EngineError,
    session::{Diagnosis, Level},
};

pub(super) fn diagnose(shard: &Shard) -> Result<Vec<Diagnosis>, EngineError> {
    let mut found = vec![engine(shard)?, writing(shard)];
    found.extend(names(shard));
    if let Some(holder) = sidecar::holder(&shard.file)?.filter(|_| shard.lock.is_none()) {
        let who = holder.application.unwrap_or_else(|| "somebody".into());
        found.push(Diagnosis {
            level: Level::Warning,
            what: format!("{who} (process {}) holds the shard's lock", holder.pid),
            mend: None,
        });
    }
    Ok(found)
}

fn engine(shard: &Shard) -> Result<Diagnosis, EngineError> {
    let journal: String = shard
        .connection
        .query_row("PRAGMA main.journal_mode", [], |row| row.get(0))
        .map_err(shard.refused("reading the journal mode"))?;
    Ok(Diagnosis {
        level: Level::Good,
        what: format!("SQLite {}, journal mode {journal}", rusqlite::version()),
        mend: None,
    })
}

fn writing(shard: &Shard) -> Diagnosis {
    match shard.file.unwritable() {
        None => Diagnosis {
            level: Level::Good,
            what: "file and folder can be written".into(),
            mend: None,
        },
        Some(why) => Diagnosis {
            level: Level::Problem,
            what: format!("{} can't be written: {why}", shard.address),
            mend: Some(format!(
                "chmod u+w '{}' '{}'",
                shard.address,
                shard
                    .file
                    .path
                    .parent()
                    .unwrap_or(&shard.file.path)
                    .display()
            )),
        },
    }
}

fn names(shard: &Shard) -> Option<Diagnosis> {
    let names = shard.file.names();
    (names > 1).then(|| Diagnosis {
        level: Level::Warning,
        what: format!(
            "the file has {names} names (hard links): SQLite looks for a crashed writer's journal under one name only"
        ),
        mend: Some("keep one name, and make symbolic links of the others".into()),
    })
}
