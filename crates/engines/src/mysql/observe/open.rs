//! Connects to look. The database itself is not entered: a replica that is behind may not have it yet.

use super::observer::MysqlObserver;
use crate::{
    error::OpenError,
    mysql::{flavour::Flavour, link::Link, open as door, url},
    observer::Observer,
    secret::Secret,
    target::Target,
};

/// Connects to a node to look at it. Session SQL is for those who work.
pub async fn open(target: &Target) -> Result<Box<dyn Observer>, OpenError> {
    let seat = sit(target).await?;
    Ok(Box::new(MysqlObserver::new(target.clone(), seat)))
}

/// A connection, and whom it leads to.
pub struct Seat {
    pub link: Link,
    pub flavour: &'static dyn Flavour,
    pub version: String,
    /// As the server knows the account: `greylag@%`.
    pub account: String,
}

/// Timestamps of the performance schema come in the session's time zone, those of InnoDB in the system's: with this they are
/// the same.
const GREETING: &str = "SET NAMES utf8mb4; \
    SET SESSION autocommit = 1, sql_mode = '', time_zone = 'SYSTEM', wait_timeout = 28800, lock_wait_timeout = 1, \
    innodb_lock_wait_timeout = 1; \
    SELECT CONNECTION_ID(), VERSION(), @@version_comment, CURRENT_USER()";

pub async fn sit(target: &Target) -> Result<Seat, OpenError> {
    let address = url::read(target)?;
    let password = match &target.password {
        Some(source) => Some(source.resolve().await?),
        None => address.password.clone().map(Secret::new),
    };
    let (mut link, _) = door::connect(target, &address, password.as_ref(), false).await?;
    let row = door::greeted(target, &mut link, GREETING).await?;
    let column = |at: usize| row.get(at).cloned().flatten().unwrap_or_default();
    let version = column(1);
    let flavour = door::known(target, &link, &column(0), &version, &column(2))?;
    Ok(Seat {
        link,
        flavour,
        version,
        account: column(3),
    })
}
