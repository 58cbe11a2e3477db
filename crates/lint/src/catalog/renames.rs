//! What follows a table or a column that gets another name.

use super::{Catalog, key::Key};
use crate::operation::Name;
use greylag_core::engine::Dialect;

impl Catalog {
    pub(super) fn rename(&mut self, dialect: Dialect, from: &Name, to: &Name) {
        if let Some(temporary) = self.temporary_name(from) {
            if let Some(mut table) = self.temporary.remove(temporary) {
                table.name.clone_from(to);
                self.temporary.insert(to.name.clone(), table);
            }
            return;
        }
        let carried = self.publications.values_mut();
        for own in carried.flat_map(|carried| &mut carried.tables) {
            if own.is(from) {
                own.name.clone_from(&to.name);
            }
        }
        self.leave(from);
        let old = self.key(from);
        let to = Name {
            schema: to.schema.clone().or(from.schema.clone()),
            ..to.clone()
        };
        if let Some(mut table) = self.tables.remove(&old) {
            // The names that PostgreSQL made up stay; MySQL makes up those of foreign keys anew.
            if dialect == Dialect::Mysql {
                let old = format!("{}_ibfk_", table.name.name);
                for name in table
                    .foreign_keys
                    .iter_mut()
                    .filter_map(|key| key.name.as_mut())
                {
                    if let Some(number) = name.strip_prefix(&old) {
                        *name = format!("{}_ibfk_{number}", to.name);
                    }
                }
            }
            table.name.clone_from(&to);
            self.insert(table);
        }
        self.follow(dialect, &old, &to);
    }

    /// Foreign keys, heirs and views go on meaning the table that they meant. A view of MySQL means whatever has the name.
    fn follow(&mut self, dialect: Dialect, old: &Key, to: &Name) {
        let own = self.dialect;
        let is = |name: &Name| Key::of(own, name) == *old;
        for table in self.tables.values_mut() {
            let keys = table.foreign_keys.iter_mut().map(|key| &mut key.table);
            let parents = table.parent.iter_mut().chain(&mut table.inherits);
            for name in keys.chain(parents).filter(|name| is(name)) {
                name.clone_from(to);
            }
        }
        let views = self.views.values_mut();
        let views = views.filter(|_| dialect != Dialect::Mysql);
        for name in views.flat_map(|view| &mut view.reads) {
            if is(name) {
                name.clone_from(to);
            }
        }
    }

    /// The foreign keys of other tables, and views, go on meaning a column that gets another name.
    pub(super) fn follow_column(&mut self, dialect: Dialect, table: &Name, from: &str, to: &str) {
        let meant = self.key(table);
        let own = self.dialect;
        let is = |name: &Name| Key::of(own, name) == meant;
        let keys = self
            .tables
            .values_mut()
            .flat_map(|table| &mut table.foreign_keys);
        for key in keys.filter(|key| is(&key.table)) {
            for column in key.refers.iter_mut().filter(|column| *column == from) {
                to.clone_into(column);
            }
        }
        let views = self.views.values_mut();
        let views = views.filter(|_| dialect != Dialect::Mysql);
        for view in views.filter(|view| view.reads.iter().any(is)) {
            if view.mentions.iter().any(|own| own == from) {
                view.mentions.push(to.to_owned());
            }
        }
    }
}
