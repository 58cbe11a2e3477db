//! What a server says of itself, read from the first rows of a survey.

use greylag_core::{
    engine::Engine,
    survey::{Role, Server},
};
use tokio_postgres::SimpleQueryRow;

use super::session::PgSession;

/// What a server says of itself.
pub struct Facts {
    pub server: Server,
    pub role: Role,
    pub schema: Option<String>,
    pub pid: i32,
    /// There is a `greylag_step` in the schema that was assumed.
    pub steps: bool,
}

impl Facts {
    pub fn read(rows: &[(usize, SimpleQueryRow)], session: &PgSession) -> Option<Self> {
        let of = |wanted: usize| {
            rows.iter()
                .find(|(index, _)| *index == wanted)
                .map(|(_, row)| row)
        };
        let on = |row: &SimpleQueryRow| row.get(0) == Some("on");
        let row = of(2)?;
        let text = |at: usize| row.get(at).unwrap_or("").to_owned();
        let schema = row.get(1).map(str::to_owned);
        Some(Self {
            role: match (on(of(1)?), on(of(0)?)) {
                (true, _) => Role::Replica,
                (false, true) => Role::ReadOnly,
                (false, false) => Role::Primary,
            },
            server: Server {
                engine: Engine::Postgres,
                version: session.version.clone(),
                lineage: text(6),
                database: database(&text(2), &text(3), &text(1)),
                address: match row.get(4) {
                    Some(address) => format!("{address}:{}", text(5)),
                    None => session.target.address(),
                },
                dialled: session.target.address(),
                instance: row.get(8).map(str::to_owned),
            },
            schema,
            steps: row.get(7).is_some(),
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
