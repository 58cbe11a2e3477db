//! Where the journal is: `[state]`.

use super::{address::Address, interner::Secrets, secret::SecretRef, section::Section};
use crate::journal::Location;
use greylag_core::engine::Engine;
use greylag_engines::PasswordSource;
use std::{path::Path, sync::Arc};

/// Where nothing is said: `.greylag/state.db` beside the project file.
pub(crate) fn beside(folder: &Path) -> Location {
    Location::Sqlite {
        path: folder.join(".greylag").join("state.db"),
    }
}

/// Reads `[state]`.
pub(crate) fn read(section: Section<'_>, folder: &Path, secrets: &Secrets) -> Option<Location> {
    let hint = "write `url = \"sqlite:.greylag/state.db\"`, or `postgres://…` for a team";
    let url = section.required("url", hint);
    let password = section
        .section("password", "`password`")
        .and_then(|section| SecretRef::read(section, folder));
    let problems = section.problems();
    section.finish();
    let url = url?;
    let address = match Address::read(&url.value, folder) {
        Ok(address) => address,
        Err(error) => {
            problems.add(url.span, error.to_string(), hint.to_owned());
            return None;
        }
    };
    match (address.engine, address.file()) {
        (_, Some(path)) => Some(Location::Sqlite { path }),
        (Engine::Postgres, None) => Some(Location::Postgres {
            url: address.url,
            password: password.map(|reference| secrets.get(&reference) as Arc<dyn PasswordSource>),
        }),
        (engine, None) => {
            let message = format!("the state can't be kept in {}", engine.title());
            problems.add(url.span, message, hint.to_owned());
            None
        }
    }
}
