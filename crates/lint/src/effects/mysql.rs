//! How MySQL and MariaDB carry out each clause of an ALTER TABLE, by version.

mod classify;

pub(crate) use classify::{beside, clause_of, differs as default_differs, index as index_clause};

use crate::version::ServerVersion;
use greylag_core::engine::Engine;
use serde::Deserialize;
use std::sync::LazyLock;

/// How a clause is carried out, from the lightest to the heaviest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// Only the dictionary changes; nothing waits, replicas neither.
    Instant,
    /// In place, and only the dictionary changes.
    InplaceMetadata,
    /// In place, by building an index: writes go on, replicas repeat it as one piece.
    InplaceBuild,
    /// In place, by writing the table anew: writes go on, replicas repeat it as one piece.
    InplaceRebuild,
    /// A copy of the table: writes wait all the while.
    Copy,
}

/// A kind of clause.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Clause {
    pub id: String,
    pub title: String,
    /// From the newest version to the oldest.
    classes: Vec<Class>,
    /// What is run to measure it; table t of `effects/mysql.sql`.
    #[serde(default)]
    pub sql: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Class {
    #[serde(default)]
    since: Option<ServerVersion>,
    #[serde(rename = "is")]
    algorithm: Algorithm,
    /// Writes wait although it is in place: LOCK=NONE is refused.
    #[serde(default)]
    shared: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    clause: Vec<Clause>,
}

static MYSQL: LazyLock<Vec<Clause>> =
    LazyLock::new(|| read(include_str!("../../effects/mysql.toml")));
static MARIADB: LazyLock<Vec<Clause>> =
    LazyLock::new(|| read(include_str!("../../effects/mariadb.toml")));

fn read(text: &str) -> Vec<Clause> {
    let table: Table = toml::from_str(text).expect("effects are well-formed");
    table.clause
}

/// All kinds of clauses of a flavour.
pub fn clauses(engine: Engine) -> &'static [Clause] {
    if engine == Engine::Mariadb {
        &MARIADB
    } else {
        &MYSQL
    }
}

/// Whether every version of MySQL writes the table anew for such a clause.
pub(crate) fn writes_anew(id: &str) -> bool {
    let mut all = MYSQL.iter();
    let clause = all.find(|clause| clause.id == id);
    clause.is_some_and(|clause| {
        let mut ways = clause.ways();
        ways.all(|(_, algorithm, _)| algorithm >= Algorithm::InplaceRebuild)
    })
}

/// What is taken for the version where nobody says: old enough to be found, young enough to be supported.
pub(crate) fn usual_version(engine: Engine) -> ServerVersion {
    if engine == Engine::Mariadb {
        ServerVersion::new(10, 6, 0)
    } else {
        ServerVersion::new(8, 0, 30)
    }
}

impl Clause {
    /// Each way it is carried out, from the newest version: since when, how, and whether writes wait.
    pub fn ways(&self) -> impl Iterator<Item = (Option<ServerVersion>, Algorithm, bool)> {
        let ways = self.classes.iter();
        ways.map(|class| (class.since, class.algorithm, class.waits()))
    }

    /// How a server of this version carries it out, and whether writes wait all the while.
    pub fn at(&self, version: ServerVersion) -> Option<(Algorithm, bool)> {
        let class = self
            .classes
            .iter()
            .find(|class| class.since.is_none_or(|since| version >= since))?;
        Some((class.algorithm, class.waits()))
    }
}

impl Class {
    fn waits(&self) -> bool {
        self.shared || self.algorithm == Algorithm::Copy
    }
}

impl Algorithm {
    /// What the server's ALGORITHM clause calls it.
    pub fn keyword(self) -> &'static str {
        match self {
            Algorithm::Instant => "INSTANT",
            Algorithm::Copy => "COPY",
            _ => "INPLACE",
        }
    }

    /// Whether it takes as long as the table is large.
    pub fn is_long(self) -> bool {
        self >= Algorithm::InplaceBuild
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_flavours_know_the_same_clauses() {
        let ids = |engine| -> Vec<&str> { clauses(engine).iter().map(|c| &*c.id).collect() };
        let (mut mysql, mut mariadb) = (ids(Engine::Mysql), ids(Engine::Mariadb));
        mysql.sort_unstable();
        mariadb.sort_unstable();
        assert_eq!(mysql, mariadb);
        let count = mysql.len();
        mysql.dedup();
        assert_eq!(mysql.len(), count, "an id twice");
        for engine in [Engine::Mysql, Engine::Mariadb] {
            let old = ServerVersion::new(5, 0, 0);
            assert!(
                clauses(engine).iter().all(|c| c.at(old).is_some()),
                "{engine}: a gap"
            );
        }
    }
}
