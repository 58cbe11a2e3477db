//! Publications: what they carry.

use super::Name;

/// What a publication carries, or a change of it names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// FOR ALL TABLES.
    pub all_tables: bool,
    pub tables: Vec<Name>,
    /// TABLES IN SCHEMA.
    pub schemas: Vec<String>,
}

/// How ALTER PUBLICATION changes what is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Relist {
    Add,
    Set,
    Drop,
}

impl Published {
    /// Whether it names the table, or all of its schema.
    pub fn names(&self, table: &Name) -> bool {
        let schema = table.schema.as_deref().unwrap_or("public");
        self.tables.iter().any(|own| own.is(table)) || self.schemas.iter().any(|s| s == schema)
    }

    /// Takes a change of what is carried in.
    pub(crate) fn relist(&mut self, how: Relist, other: &Published) {
        match how {
            Relist::Add => {
                self.tables.extend(other.tables.iter().cloned());
                self.schemas.extend(other.schemas.iter().cloned());
            }
            Relist::Set => self.clone_from(other),
            Relist::Drop => {
                self.tables
                    .retain(|own| !other.tables.iter().any(|gone| gone.is(own)));
                self.schemas.retain(|own| !other.schemas.contains(own));
            }
        }
    }
}
