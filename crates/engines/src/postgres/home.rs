//! Whose connection it is and where Greylag's tables are on it; refuses what can't be worked with.

use greylag_core::outcome::FailureClass;

use super::{
    quote::ident,
    session::{Home, PgSession},
};
use crate::error::EngineError;

const DOING: &str = "finding the schema";

impl PgSession {
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
}
