//! MySQL and MariaDB.

use crate::{error::OpenError, session::Session, target::Target};

/// Connects and sets the working connection up.
pub async fn open(target: &Target) -> Result<Box<dyn Session>, OpenError> {
    Err(OpenError::Url {
        shard: target.shard.to_string(),
        why: "MySQL and MariaDB is not built yet".into(),
    })
}
