//! Where the journal is: `[state]`.

use super::{
    address::Address,
    interner::Secrets,
    secret::{SecretRef, StoredSecret},
    section::Section,
};
use greylag_core::engine::Engine;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use url::Url;

/// `[state]`.
#[derive(Clone, Debug)]
pub struct StateSettings {
    pub store: StateStore,
    /// Its URL without user and password, for messages.
    pub shown: String,
}

#[derive(Clone, Debug)]
pub enum StateStore {
    Sqlite(PathBuf),
    Postgres {
        url: Url,
        password: Option<Arc<StoredSecret>>,
    },
}

impl StateSettings {
    /// Where nothing is said: `.greylag/state.db` beside the project file.
    pub(crate) fn beside(folder: &Path) -> Self {
        let path = folder.join(".greylag").join("state.db");
        Self {
            shown: format!("sqlite:{}", path.display()),
            store: StateStore::Sqlite(path),
        }
    }

    pub(crate) fn read(section: Section<'_>, folder: &Path, secrets: &Secrets) -> Option<Self> {
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
        let shown = address.to_string();
        let store = match (address.engine, address.file()) {
            (_, Some(path)) => StateStore::Sqlite(path),
            (Engine::Postgres, None) => StateStore::Postgres {
                url: address.url,
                password: password.map(|reference| secrets.get(&reference)),
            },
            (engine, None) => {
                let message = format!("the state can't be kept in {}", engine.title());
                problems.add(url.span, message, hint.to_owned());
                return None;
            }
        };
        Some(Self { store, shown })
    }
}
