//! How far a change of a big table may go on servers that name the way they take: by metadata, in place, or by a tool beside it.
//!
//! Knows no SQL and starts no tool; engines ask the server for one way after another, and the orchestrator runs tools.

use crate::{engine::Engine, fleet::ShardName};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, time::Duration};

/// The furthest way that a statement takes without being told so in its file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnlineDdl {
    /// Metadata alone: nothing that reads or writes the table's rows.
    Instant,
    /// Beside reads and writes on the primary. Replicas repeat it as a whole.
    #[default]
    Inplace,
    /// As written: the server chooses.
    Off,
}

impl OnlineDdl {
    pub fn as_str(self) -> &'static str {
        match self {
            OnlineDdl::Instant => "instant",
            OnlineDdl::Inplace => "inplace",
            OnlineDdl::Off => "off",
        }
    }
}

/// `[online]`: part of a plan's digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnlinePolicy {
    pub ddl: OnlineDdl,
    /// Where an engine goes another way than `ddl`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub engines: BTreeMap<Engine, OnlineDdl>,
    /// Where a shard goes another way than its engine.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shards: BTreeMap<ShardName, OnlineDdl>,
    /// The largest table that is rebuilt or indexed in place on a shard with replicas, in bytes.
    pub inplace_up_to: u64,
    /// The largest table that the server may copy while writes wait, in bytes. A table without rows may always be.
    pub copy_up_to: u64,
    /// How long a tool may take; zero: as long as it needs.
    pub timeout: Duration,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tools: BTreeMap<String, ToolRule>,
}

impl Default for OnlinePolicy {
    fn default() -> Self {
        Self {
            ddl: OnlineDdl::default(),
            engines: BTreeMap::new(),
            shards: BTreeMap::new(),
            inplace_up_to: 1 << 30,
            copy_up_to: 0,
            timeout: Duration::ZERO,
            tools: BTreeMap::new(),
        }
    }
}

impl OnlinePolicy {
    /// Whether nothing was said.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// What holds on a shard.
    pub fn of(&self, shard: &ShardName, engine: Engine) -> OnlineDdl {
        let of_engine = || self.engines.get(&engine).copied();
        let of_shard = self.shards.get(shard).copied();
        of_shard.or_else(of_engine).unwrap_or(self.ddl)
    }

    /// The tool of this name: as the project has it, or as it is known.
    pub fn tool(&self, name: &str) -> Option<ToolRule> {
        self.tools
            .get(name)
            .cloned()
            .or_else(|| ToolRule::known(name))
    }

    /// The names of all tools.
    pub fn tool_names(&self) -> Vec<&str> {
        let mut names = vec![PT_OSC, GH_OST];
        names.extend(self.tools.keys().map(String::as_str));
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// Percona Toolkit's.
pub const PT_OSC: &str = "pt-online-schema-change";
/// GitHub's.
pub const GH_OST: &str = "gh-ost";

/// The server ids under which Greylag's own tools read a binary log. Some of them make themselves known as replicas do.
pub const READERS: std::ops::RangeInclusive<u32> = 0x4700_0000..=0x47ff_ffff;

/// A program that changes a table beside running traffic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolRule {
    /// Program and arguments, with `{placeholders}`; empty: the built-in command line of a known tool.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// The program of a known tool, where it is not found under its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// Arguments behind those of the built-in command line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<String>,
    /// Tables that it makes and may leave behind, with `{table}` and `{mark}`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub makes: Vec<String>,
    /// The table that holds the old rows once it has changed places with the new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keeps: Option<String>,
    /// Triggers that it makes, with `{schema}` and `{table}`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub triggers: Vec<String>,
    /// Whether the old rows stay when it has come to its end, or are dropped whatever it leaves; none: as it leaves them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_old_rows: Option<bool>,
    /// Tables that only a run of it which nobody of ours has started makes, with `{table}`: where one is there, it is not begun.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signs: Vec<String>,
}

impl ToolRule {
    /// What is known of a tool by its name.
    pub fn known(name: &str) -> Option<ToolRule> {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        match name {
            PT_OSC => Some(ToolRule {
                makes: texts(&["_{table}_{mark}"]),
                keeps: Some("_{table}_old".to_owned()),
                triggers: texts(&[
                    "pt_osc_{schema}_{table}_del",
                    "pt_osc_{schema}_{table}_ins",
                    "pt_osc_{schema}_{table}_upd",
                ]),
                ..ToolRule::default()
            }),
            // Names of each attempt's own: by its usual ones it would drop and fill what another run of it has made.
            GH_OST => Some(ToolRule {
                makes: texts(&[
                    "_{table}_{mark}_gho",
                    "_{table}_{mark}_ghc",
                    "_{table}_{mark}_ghk",
                ]),
                keeps: Some("_{table}_{mark}_del".to_owned()),
                signs: texts(&["_{table}_gho", "_{table}_ghc", "_{table}_del"]),
                ..ToolRule::default()
            }),
            _ => None,
        }
    }

    /// Why a tool as it is known by its name is not for an engine, if it is not. A command line of the project's own is the project's.
    pub fn unfit(&self, name: &str, engine: Engine) -> Option<&'static str> {
        match (name, engine) {
            (GH_OST, Engine::Mariadb) if self.command.is_empty() => Some(
                "gh-ost is for MySQL: it can't log in to MariaDB before 11.1, and on later ones works only with its check of metadata locks left out",
            ),
            _ => None,
        }
    }
}

/// `-- greylag:online WAY`: how the statements of one file go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Asked {
    /// As the project says.
    #[default]
    Auto,
    Instant,
    /// In place, however large the table is.
    Inplace,
    Off,
    /// By metadata alone, or else by this tool.
    Tool(String),
}

impl Asked {
    /// Of a directive's value.
    pub fn of(value: Option<&str>) -> Asked {
        match value {
            None | Some("auto") => Asked::Auto,
            Some("instant") => Asked::Instant,
            Some("inplace") => Asked::Inplace,
            Some("off") => Asked::Off,
            Some("pt-osc") => Asked::Tool(PT_OSC.to_owned()),
            Some(tool) => Asked::Tool(tool.to_owned()),
        }
    }

    pub fn tool(&self) -> Option<&str> {
        match self {
            Asked::Tool(name) => Some(name),
            _ => None,
        }
    }
}

/// The way that a statement took in the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    Instant,
    /// MariaDB's: in place, without writing the table anew.
    Nocopy,
    Inplace,
    /// In place, while writes wait.
    InplaceBlocking,
    Copy,
    /// As written: the author's own ALGORITHM or LOCK, or a clause that takes none.
    Written,
    Tool(String),
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Way::Instant => f.write_str("ALGORITHM=INSTANT"),
            Way::Nocopy => f.write_str("ALGORITHM=NOCOPY, LOCK=NONE"),
            Way::Inplace => f.write_str("ALGORITHM=INPLACE, LOCK=NONE"),
            Way::InplaceBlocking => f.write_str("ALGORITHM=INPLACE, while writes wait"),
            Way::Copy => f.write_str("ALGORITHM=COPY, while writes wait"),
            Way::Written => f.write_str("as written"),
            Way::Tool(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_s_own_word_goes_before_its_engine_s() {
        let mut policy = OnlinePolicy {
            engines: BTreeMap::from([(Engine::Mariadb, OnlineDdl::Instant)]),
            ..OnlinePolicy::default()
        };
        let (one, two): (ShardName, ShardName) = ("one".parse().unwrap(), "two".parse().unwrap());
        policy.shards.insert(one.clone(), OnlineDdl::Off);
        assert_eq!(policy.of(&one, Engine::Mariadb), OnlineDdl::Off);
        assert_eq!(policy.of(&two, Engine::Mariadb), OnlineDdl::Instant);
        assert_eq!(policy.of(&two, Engine::Mysql), OnlineDdl::Inplace);
    }

    #[test]
    fn gh_ost_is_not_for_mariadb_unless_the_project_has_its_own_command() {
        let mut rule = ToolRule::known(GH_OST).unwrap();
        assert_eq!(rule.unfit(GH_OST, Engine::Mysql), None);
        assert!(rule.unfit(GH_OST, Engine::Mariadb).is_some());
        assert_eq!(
            ToolRule::known(PT_OSC)
                .unwrap()
                .unfit(PT_OSC, Engine::Mariadb),
            None
        );
        rule.command = vec!["my-gh-ost".into()];
        assert_eq!(rule.unfit(GH_OST, Engine::Mariadb), None);
    }

    #[test]
    fn a_known_tool_is_there_unless_the_project_has_its_own() {
        let mut policy = OnlinePolicy::default();
        assert_eq!(policy.tool("pt-osc"), None);
        assert!(policy.tool(PT_OSC).unwrap().command.is_empty());
        let own = ToolRule {
            command: vec!["other".into()],
            ..ToolRule::default()
        };
        policy.tools.insert(PT_OSC.into(), own.clone());
        assert_eq!(policy.tool(PT_OSC), Some(own));
        assert_eq!(policy.tool_names(), ["gh-ost", PT_OSC]);
    }
}
