//! Creates what Greylag keeps on a shard: the history table as Flyway makes it, and its own tables beside.

use super::{link::Trouble, names::Names, quote, session::MysqlSession};
use crate::{error::EngineError, session::Claim};

/// Under the lock: creates what is missing and writes the identity where there is none.
pub async fn prepare(session: &mut MysqlSession, claim: &Claim) -> Result<(), EngineError> {
    for sql in creations(session) {
        let created = session.link.run(sql).await;
        created.map_err(|t| explain(session, t))?;
    }
    let identity = &claim.identity;
    let sql = format!(
        "INSERT INTO {shard} (project, uuid, name, environment, claimed_by) \
         SELECT {project}, {uuid}, {name}, {environment}, {by} FROM DUAL \
         WHERE NOT EXISTS (SELECT 1 FROM {shard} s WHERE s.project = {project})",
        shard = session.names.shard,
        project = quote::text(&identity.project),
        uuid = quote::text(&identity.uuid.to_string()),
        name = quote::text(identity.name.as_str()),
        environment = quote::text(&identity.environment),
        by = quote::text(&quote::shorten(&claim.by, 200)),
    );
    let written = session.link.run(sql).await;
    written.map(drop).map_err(|t| explain(session, t))
}

/// IF NOT EXISTS needs no look beforehand, and takes no lock on a table that is there.
fn creations(session: &MysqlSession) -> [String; 3] {
    let Names {
        history,
        shard,
        step,
        ..
    } = &session.names;
    let index = quote::name(&format!("{}_s_idx", session.names.history_plain));
    let key = quote::name(&format!("{}_pk", session.names.history_plain));
    [
        format!(
            "CREATE TABLE IF NOT EXISTS {history} (\
             installed_rank INT NOT NULL, \
             version VARCHAR(50), \
             description VARCHAR(200) NOT NULL, \
             type VARCHAR(20) NOT NULL, \
             script VARCHAR(1000) NOT NULL, \
             checksum INT, \
             installed_by VARCHAR(100) NOT NULL, \
             installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, \
             execution_time INT NOT NULL, \
             success BOOL NOT NULL, \
             CONSTRAINT {key} PRIMARY KEY (installed_rank), \
             INDEX {index} (success)\
             ) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS {shard} (\
             project VARCHAR(100) NOT NULL PRIMARY KEY, \
             uuid VARCHAR(36) NOT NULL, \
             name VARCHAR(100) NOT NULL, \
             environment VARCHAR(100) NOT NULL, \
             claimed_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, \
             claimed_by VARCHAR(200) NOT NULL\
             ) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS {step} (\
             project VARCHAR(100) NOT NULL, \
             migration VARCHAR(220) NOT NULL, \
             checksum INT NULL, \
             state VARCHAR(16) NOT NULL, \
             rollout VARCHAR(64) NOT NULL, \
             epoch BIGINT NOT NULL, \
             statements_done INT NOT NULL, \
             statements_total INT NOT NULL, \
             hashes MEDIUMTEXT NOT NULL, \
             intent MEDIUMTEXT NULL, \
             failure MEDIUMTEXT NULL, \
             started_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, \
             updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, \
             PRIMARY KEY (project, migration)\
             ) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
        ),
    ]
}

/// A missing privilege is answered with the GRANT that gives it.
fn explain(session: &MysqlSession, trouble: Trouble) -> EngineError {
    let lacks = matches!(&trouble, Trouble::Server(e) if matches!(e.code, 1044 | 1142 | 1143));
    match session.link.refused(trouble, "creating greylag's tables") {
        EngineError::Server {
            address,
            doing,
            class,
            code,
            message,
            ..
        } if lacks => EngineError::Server {
            address,
            doing,
            class,
            code,
            message,
            hint: Some(format!(
                "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, DROP ON {}.* TO the account, as `greylag doctor` prints it",
                quote::name(&session.names.database)
            )),
        },
        other => other,
    }
}
