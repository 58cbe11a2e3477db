//! The project's SQL for each working connection, cut into statements: one string is one statement to a server.

use crate::{error::OpenError, target::Target};
use greylag_core::script::{SessionFault, session_statements};

/// The statements of a target's session SQL, in order.
pub fn statements(target: &Target) -> Result<Vec<String>, OpenError> {
    let cut = session_statements(target.engine.dialect(), &target.session_sql);
    cut.map_err(
        |SessionFault {
             statement,
             why,
             hint,
         }| OpenError::SessionSql {
            address: target.address(),
            statement,
            message: format!("it {why}. {hint}"),
        },
    )
}
