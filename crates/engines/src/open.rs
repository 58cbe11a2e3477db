//! The one door to a database.

use crate::{
    appraisal::{Appraisal, AppraiseError},
    error::OpenError,
    mysql,
    observer::Observer,
    postgres,
    session::Session,
    sqlite,
    target::Target,
    tracer::Tracer,
};
use greylag_core::engine::Engine;

/// Connects to a node and sets the working connection up: timeouts, keepalives, session SQL.
pub async fn open(target: &Target) -> Result<Box<dyn Session>, OpenError> {
    match target.engine {
        Engine::Postgres => postgres::open(target).await,
        Engine::Mysql | Engine::Mariadb => mysql::open(target).await,
        Engine::Sqlite => sqlite::open(target).await,
    }
}

/// Connects to a node only to look at it; none where the engine has no replication to look at.
pub async fn observe(target: &Target) -> Result<Option<Box<dyn Observer>>, OpenError> {
    match target.engine {
        Engine::Postgres => postgres::observe(target).await.map(Some),
        Engine::Mysql | Engine::Mariadb => mysql::observe(target).await.map(Some),
        Engine::Sqlite => Ok(None),
    }
}

/// Reads what a node holds and how it is set, over a connection of its own.
pub async fn appraise(target: &Target) -> Result<Appraisal, AppraiseError> {
    match target.engine {
        Engine::Postgres => postgres::appraise(target).await,
        Engine::Mysql | Engine::Mariadb => mysql::appraise(target).await,
        Engine::Sqlite => sqlite::appraise(target).await,
    }
}

/// Connects to a scratch primary (and to its replica) to measure what statements do there; none where the engine has nothing
/// to measure: one lock for everything, and no replication.
pub async fn trace(
    primary: &Target,
    replica: Option<&Target>,
) -> Result<Option<Box<dyn Tracer>>, OpenError> {
    match primary.engine {
        Engine::Postgres => postgres::trace(primary, replica).await.map(Some),
        Engine::Mysql | Engine::Mariadb => mysql::trace(primary, replica).await.map(Some),
        Engine::Sqlite => Ok(None),
    }
}
