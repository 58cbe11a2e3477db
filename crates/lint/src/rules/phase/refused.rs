//! Whether a constraint refuses rows that an app writes which doesn't know it.

use super::{
    condition::{self, Outcome, Value},
    succession,
};
use crate::{
    catalog::{ForeignKey, Table},
    effects::says_not_null,
    judge::Scene,
    operation::{Action, Column, Constraint, ConstraintKind, CreateIndex, Name, Reference},
};
use greylag_core::script::tokens;

/// Whether something is refused that was welcome before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Refusal {
    No,
    /// Nobody can tell from the text.
    Perhaps,
    Yes,
}

impl From<bool> for Refusal {
    fn from(refused: bool) -> Self {
        if refused { Refusal::Yes } else { Refusal::No }
    }
}

/// What an app that doesn't know the statement leaves in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Given {
    /// Whatever it writes.
    Any,
    /// It doesn't know the column, which has no default.
    Null,
    /// It doesn't know the column: the default, which is the same in all rows.
    Same,
    /// A default that is another one in each row.
    Own,
}

/// An app that was built before the statement, and writes into the table.
pub(super) struct Writer<'a> {
    scene: &'a Scene<'a>,
    table: &'a Name,
    after: Table,
    /// Another table takes its place.
    anew: bool,
}

impl<'a> Writer<'a> {
    pub(super) fn new(scene: &'a Scene<'a>, table: &'a Name) -> Self {
        Self {
            scene,
            table,
            after: scene.table_after(table),
            anew: false,
        }
    }

    /// Who writes into a table whose place another has taken.
    pub(super) fn into_successor(scene: &'a Scene<'a>, table: &'a Name, after: Table) -> Self {
        Self {
            scene,
            table,
            after,
            anew: true,
        }
    }

    /// Whether the constraint refuses what it writes, and was welcome before.
    pub(super) fn is_refused_by(&self, constraint: &Constraint) -> Refusal {
        let scene = self.scene;
        let known = scene.known(self.table);
        let refused = match &constraint.kind {
            _ if !constraint.enforced => false,
            ConstraintKind::Index { .. }
            | ConstraintKind::Unique {
                using_index: Some(_),
                ..
            } => false,
            ConstraintKind::Unique { columns, .. } => {
                let sql = scene.sql(&constraint.span);
                let distinct = !has_words(scene, sql, &["NULLS", "NOT", "DISTINCT"]);
                self.repeats(columns, distinct)
            }
            ConstraintKind::PrimaryKey {
                columns,
                using_index,
            } => {
                let columns = match using_index {
                    Some(own) => known.and_then(|known| known.index_columns(own)),
                    None => Some(columns.iter().cloned().map(Some).collect()),
                };
                columns.is_none_or(|columns| {
                    let nulls = columns.iter().flatten().any(|own| self.leaves_null(own));
                    nulls || using_index.is_none() && self.repeats(&columns, false)
                })
            }
            ConstraintKind::ForeignKey { columns, reference } => {
                let keys =
                    known.map(|known| known.foreign_keys_since(|unit| scene.goes_with(unit)));
                let mut keys = keys.into_iter().flatten();
                let there =
                    keys.any(|key| key.columns == *columns && refuses_as_much(key, reference));
                !there && !columns.iter().any(|own| self.given(own) == Given::Null)
            }
            ConstraintKind::Check { expression } => return self.breaks(scene.sql(expression)),
            ConstraintKind::NotNull { column } => self.leaves_null(column),
            ConstraintKind::Exclude { columns } => {
                let mut columns = columns.iter().flatten();
                !columns.any(|own| self.given(own) == Given::Null)
            }
        };
        Refusal::from(refused)
    }

    /// Whether what a column brings within itself does.
    pub(super) fn is_refused_by_own(&self, column: &Column) -> Refusal {
        let key = [Some(column.name.clone())];
        let text = self.scene.sql(&column.span);
        let distinct = !has_words(self.scene, text, &["NULLS", "NOT", "DISTINCT"]);
        let unique = column.unique && self.repeats(&key, distinct);
        let checks = column.checks.iter().filter(|check| check.enforced);
        let checks = checks.map(|check| self.breaks(self.scene.sql(&check.expression)));
        checks.chain([unique.into()]).max().unwrap_or(Refusal::No)
    }

    /// Whether a unique index does.
    pub(super) fn is_refused_by_index(&self, create: &CreateIndex) -> bool {
        let distinct = !has_words(self.scene, self.scene.text(), &["NULLS", "NOT", "DISTINCT"]);
        let within = create.mentions.iter();
        let mut within = within
            .filter(|name| self.has(name))
            .map(|name| self.given(name))
            .peekable();
        // An expression of what is null is null, for nearly all expressions.
        let nothing = !create.partial
            && distinct
            && create.columns.contains(&None)
            && within.peek().is_some()
            && within.all(|given| given == Given::Null);
        !nothing && self.repeats(&create.columns, distinct)
    }

    /// Whether NOT NULL of a column that is said anew does: it leaves it out, and there is no default.
    pub(super) fn leaves_out(&self, column: &str) -> bool {
        self.given(column) == Given::Null
    }

    /// Whether it may leave a null there, which nothing has kept it from.
    pub(super) fn leaves_null(&self, column: &str) -> bool {
        match self.given(column) {
            Given::Null => true,
            Given::Same | Given::Own => false,
            Given::Any => !self.scene.known(self.table).is_some_and(|known| {
                let dialect = self.scene.dialect();
                let checks = known.checks_since(|unit| self.scene.goes_with(unit));
                let mut checks = checks.into_iter();
                known.is_in_primary_key(column)
                    || known.column(column).is_some_and(|own| own.not_null)
                    || checks.any(|check| says_not_null(dialect, &check.expression, column))
            }),
        }
    }

    fn has(&self, column: &str) -> bool {
        self.after.column(column).is_some()
    }

    fn given(&self, column: &str) -> Given {
        let Some(known) = self.after.column(column) else {
            return Given::Any;
        };
        if !self.is_new(column) || known.generated.is_some() {
            return Given::Any;
        }
        match &known.default {
            _ if succession::numbers(self.scene.dialect(), &self.after, known) => Given::Own,
            None => Given::Null,
            Some(default) if default.is_null => Given::Null,
            Some(default) if default.calls.iter().any(|call| call.contains("uuid")) => Given::Own,
            Some(_) => Given::Same,
        }
    }

    /// It doesn't know the column: under this name, or under the one that the statement takes from it.
    fn is_new(&self, column: &str) -> bool {
        if self.anew {
            let known = self.scene.known(self.table);
            return known.is_some_and(|known| known.column(column).is_none())
                || self.scene.is_new_column(self.table, column);
        }
        let mut clauses = self.scene.clauses_of(self.table);
        let before = clauses.find_map(|action| match action {
            Action::RenameColumn { from, to } if to == column => Some(from),
            Action::ModifyColumn {
                from,
                column: modified,
                ..
            } if modified.name == column => Some(from),
            _ => None,
        });
        let before = before.map_or(column, String::as_str);
        self.scene.is_new_column(self.table, before)
    }

    /// Two of its rows may have the same there, which no key has kept it from.
    fn repeats(&self, columns: &[Option<String>], nulls_differ: bool) -> bool {
        let differs = |own: &String| match self.given(own) {
            Given::Own => true,
            Given::Null => nulls_differ,
            _ => false,
        };
        if columns.iter().flatten().any(differs) {
            return false;
        }
        let plain: Option<Vec<&str>> = columns.iter().map(Option::as_deref).collect();
        let known = self.scene.known(self.table);
        let (Some(plain), Some(known)) = (plain, known) else {
            return true;
        };
        let keys = known.keys().map(|(_, columns)| columns);
        let gone = known.keys_gone(|unit| self.scene.goes_with(unit));
        let gone = gone.into_iter();
        let gone = gone.map(|columns| columns.iter().map(String::as_str).collect());
        // Of a key that takes several nulls, null is not the same as null.
        let solid = |own: &str| nulls_differ || !self.leaves_null(own) || self.is_set(own);
        let within =
            |columns: Vec<&str>| columns.iter().all(|own| plain.contains(own) && solid(own));
        !keys.chain(gone).any(within)
    }

    /// NOT NULL, by this very statement or before.
    fn is_set(&self, column: &str) -> bool {
        let known = self.after.column(column);
        self.after.is_in_primary_key(column) || known.is_some_and(|known| known.not_null)
    }

    /// It may write what the CHECK refuses: where that only names what it doesn't know, it leaves a null or the default there.
    pub(super) fn breaks(&self, expression: &str) -> Refusal {
        let (scene, dialect) = (self.scene, self.scene.dialect());
        let known = scene.known(self.table);
        let checks = known.map(|known| known.checks_since(|unit| scene.goes_with(unit)));
        let mut checks = checks.into_iter().flatten();
        if checks.any(|check| condition::implies(dialect, &check.expression, expression)) {
            return Refusal::No;
        }
        let names = condition::names_in(dialect, expression).into_iter();
        let names = names.filter(|name| self.after.partly || self.has(name));
        let given: Vec<Given> = names.map(|name| self.given(&name)).collect();
        let column = |name: &str| self.has(name).then(|| self.value(name));
        match condition::outcome(dialect, expression, &column) {
            Outcome::Passes => Refusal::No,
            Outcome::Fails => Refusal::Yes,
            Outcome::Unclear if given.contains(&Given::Any) => Refusal::Yes,
            // What each row has a value of its own for is made for it.
            Outcome::Unclear if given.contains(&Given::Own) => Refusal::No,
            Outcome::Unclear if given.is_empty() => Refusal::Yes,
            Outcome::Unclear => Refusal::Perhaps,
        }
    }

    /// What it leaves in a column that it doesn't know.
    fn value(&self, column: &str) -> Value {
        let scene = self.scene;
        let known = self.after.column(column);
        let default = known.and_then(|known| known.default.as_ref());
        match self.given(column) {
            Given::Null => Value::Null,
            Given::Any | Given::Own => Value::Any,
            Given::Same => {
                // The text of another file isn't at hand.
                let here = known.is_some_and(|known| known.made_in == Some(scene.number));
                let default = default.filter(|_| here);
                let text = default.map(|default| scene.sql(&default.span));
                let value = text.map(|text| condition::literal(scene.dialect(), text));
                match (value.unwrap_or(Value::Any), known) {
                    (Value::Text(text), Some(known)) if !is_text(&known.data_type.name) => {
                        text.trim().parse().map_or(Value::Text(text), Value::Number)
                    }
                    (value, _) => value,
                }
            }
        }
    }
}

fn is_text(data_type: &str) -> bool {
    ["char", "text", "enum", "set", "name", "clob"]
        .iter()
        .any(|own| data_type.contains(own))
}

/// The key refuses every write that one with this reference refuses.
fn refuses_as_much(key: &ForeignKey, reference: &Reference) -> bool {
    let to = &reference.columns;
    let refers = key.refers == *to || key.refers.is_empty() || to.is_empty();
    let deletes = reference.on_delete.acts() || !key.on_delete.acts();
    let updates = reference.on_update.acts() || !key.on_update.acts();
    refers && deletes && updates && key.table.is(&reference.table)
}

/// Whether a text has these words, one after the other.
pub(super) fn has_words(scene: &Scene<'_>, text: &str, words: &[&str]) -> bool {
    let all: Vec<&str> = tokens(scene.dialect(), text)
        .map(|token| &text[token.span])
        .collect();
    all.windows(words.len()).any(|own| {
        let mut pairs = own.iter().zip(words);
        pairs.all(|(own, word)| own.eq_ignore_ascii_case(word))
    })
}
