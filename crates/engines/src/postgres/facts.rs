//! What a server says of itself, read from the first rows of a survey.

use greylag_core::{
    engine::Engine,
    survey::{Role, Server},
};
use tokio_postgres::SimpleQueryRow;

use super::{
    acquaintance::{Acquaintance, seconds},
    session::PgSession,
};

/// What a server says of itself.
pub struct Facts {
    pub server: Server,
    pub role: Role,
    pub schema: Option<String>,
    pub pid: i32,
    /// There is a `greylag_step` in the schema that was assumed.
    pub steps: bool,
}

/// What became of reading them.
pub enum Reading {
    Facts(Facts),
    /// There are none.
    Nothing,
    /// It is not the server that was at this place before.
    Stranger,
    /// The session prints the time in a style that can't be read.
    Odd,
}

impl Facts {
    pub fn read(rows: &[(usize, SimpleQueryRow)], session: &PgSession) -> Reading {
        let of = |wanted: usize| {
            rows.iter()
                .find(|(index, _)| *index == wanted)
                .map(|(_, row)| row)
        };
        let on = |row: &SimpleQueryRow| row.get(0) == Some("on");
        let (Some(read_only), Some(standby), Some(row)) = (of(0), of(1), of(2)) else {
            return Reading::Nothing;
        };
        let text = |at: usize| row.get(at).unwrap_or("").to_owned();
        let schema = row.get(1).map(str::to_owned);
        let printed = row.get(5).unwrap_or("");
        let started = match session.odd_style {
            true => printed.to_owned(),
            false => match seconds(printed) {
                Some(started) => started,
                None => return Reading::Odd,
            },
        };
        let told = row.len() > 6;
        let place = &session.place;
        let server = match told {
            true => Acquaintance {
                started,
                lineage: text(8),
                address: row.get(6).map(|address| format!("{address}:{}", text(7))),
            },
            false => match place.acquaintance().filter(|seen| seen.started == started) {
                Some(seen) => seen,
                None => return Reading::Stranger,
            },
        };
        // A role may be given the right to read it at any time.
        if told && !server.lineage.is_empty() {
            place.remember(server.clone());
        }
        Reading::Facts(Self {
            role: match (on(standby), on(read_only)) {
                (true, _) => Role::Replica,
                (false, true) => Role::ReadOnly,
                (false, false) => Role::Primary,
            },
            server: Server {
                engine: Engine::Postgres,
                version: session.version.clone(),
                lineage: server.lineage,
                database: database(&text(2), &text(3), &text(1)),
                address: server
                    .address
                    .unwrap_or_else(|| session.place.dialled.to_string()),
                dialled: session.place.dialled.to_string(),
                instance: Some(server.started),
            },
            schema,
            steps: row.get(4).is_some(),
            pid: text(0).parse().unwrap_or(-1),
        })
    }
}

/// A database's name, its number and the schema: the same wherever it is reached.
pub fn database(name: &str, catalog: &str, schema: &str) -> String {
    format!("{name}/{}/{schema}", folder(catalog))
}

/// The number of the database, which is the folder that its catalog is in.
fn folder(path: &str) -> &str {
    path.rsplit('/').nth(1).unwrap_or("")
}
