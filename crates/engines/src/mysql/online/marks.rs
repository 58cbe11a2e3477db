//! The names of what a tool makes beside a table, worked out before it starts, so that its remains are known by name.

use crate::online::{OnlineTool, TableChange};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What a tool makes for one change, written into the intent before it starts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolMark {
    pub tool: String,
    /// What stands for this attempt alone in the names of what it makes.
    #[serde(default)]
    pub sign: String,
    pub schema: String,
    pub table: String,
    /// The new table first.
    pub makes: Vec<String>,
    /// Where the old rows are once the tables have changed places.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keeps: Option<String>,
    pub triggers: Vec<String>,
    /// The old rows are to stay, or to go; none: as the tool leaves them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_old: Option<bool>,
    /// When the table was made that is to be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub born: Option<String>,
    /// The new table's image, where the table was gone and the new one had not got its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_image: Option<String>,
    /// The tool says that it has damaged rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spoilt: Option<String>,
    /// What only somebody else's run of the tool makes; never touched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signs: Vec<String>,
}

/// Longest name of a table: characters for the server, bytes for tools that shorten names themselves.
const LONGEST: usize = 64;
/// Longest name of a trigger without its ending.
const LONGEST_TRIGGER: usize = 60;

impl ToolMark {
    pub fn of(tool: &dyn OnlineTool, schema: &str, table: &str, mark: &str) -> ToolMark {
        let rule = tool.rule();
        ToolMark {
            tool: tool.name().to_owned(),
            sign: mark.to_owned(),
            schema: schema.to_owned(),
            table: table.to_owned(),
            makes: (rule.makes.iter())
                .map(|text| table_name(text, table, mark))
                .collect(),
            keeps: (rule.keeps.as_ref()).map(|text| table_name(text, table, mark)),
            triggers: (rule.triggers.iter())
                .map(|text| trigger_name(text, schema, table))
                .collect(),
            keep_old: tool.keeps_old_rows(),
            signs: (rule.signs.iter())
                .map(|text| table_name(text, table, mark))
                .collect(),
            born: None,
            new_image: None,
            spoilt: None,
        }
    }

    /// Every table that is no longer wanted once the change is over or given up.
    pub fn tables(&self) -> impl Iterator<Item = &String> {
        self.makes.iter().chain(&self.keeps)
    }

    /// Whether a name is this attempt's and nobody else's.
    pub fn is_marked(&self, name: &str) -> bool {
        !self.sign.is_empty() && name.contains(&self.sign)
    }

    pub fn new_table(&self) -> Option<String> {
        self.makes.first().cloned()
    }
}

/// Of its own for each attempt: what an orphan of an earlier one still writes to is never taken for this one's.
pub fn mark(rollout: &str, epoch: u64, statement: usize, change: &str, connection: u32) -> String {
    let digest = Sha256::digest(format!(
        "{rollout}/{epoch}/{statement}/{connection}/{change}"
    ));
    format!("gl{:02x}{:02x}{:02x}", digest[0], digest[1], digest[2])
}

/// What the rest of a change is made of, once its names are known.
pub fn with_names(mut change: TableChange, mark: &ToolMark) -> TableChange {
    change.new_table = mark.new_table();
    change
}

/// Shortened within the table's own name, so that the ending which tells whose it is stays.
fn table_name(text: &str, table: &str, mark: &str) -> String {
    let around = text.replace("{table}", "").replace("{mark}", mark).len();
    let kept = table.floor_char_boundary(LONGEST.saturating_sub(around));
    text.replace("{table}", &table[..kept])
        .replace("{mark}", mark)
}

fn trigger_name(text: &str, schema: &str, table: &str) -> String {
    let (head, ending) = match text.find("{table}") {
        Some(at) => text.split_at(at + "{table}".len()),
        None => (text, ""),
    };
    let head = head.replace("{schema}", schema).replace("{table}", table);
    let plain = head.chars().map(|c| match c.is_alphanumeric() {
        true => c,
        false => '_',
    });
    let head: String = plain.take(LONGEST_TRIGGER).collect();
    format!("{head}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_within_what_servers_take() {
        let long = "t".repeat(64);
        let name = table_name("_{table}_{mark}", &long, "gl012345");
        assert_eq!(name.len(), 64);
        assert!(name.ends_with("_gl012345"), "{name}");
        let name = table_name("_{table}_{mark}_gho", &"ü".repeat(40), "gl012345");
        assert!(
            name.len() <= 64 && name.ends_with("ü_gl012345_gho"),
            "{name}"
        );
        assert_eq!(table_name("_{table}_gho", "t", "gl012345"), "_t_gho");
        let trigger = trigger_name("pt_osc_{schema}_{table}_del", "my shop", &long);
        assert_eq!(trigger.len(), 64);
        assert!(trigger.starts_with("pt_osc_my_shop_ttt"), "{trigger}");
        assert!(trigger.ends_with("_del"), "{trigger}");
    }

    #[test]
    fn no_two_attempts_share_a_mark() {
        assert_ne!(
            mark("r", 1, 0, "ADD c int", 7),
            mark("r", 2, 0, "ADD c int", 7)
        );
        assert_ne!(
            mark("r", 1, 0, "ADD c int", 7),
            mark("r", 1, 0, "ADD c int", 8)
        );
    }
}
