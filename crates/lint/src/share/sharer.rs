//! Goes through files in order, and remembers what they make.

use super::take::{Share, Take};
use crate::{operation::Name, read::read};
use greylag_core::{
    migration::{OnSubscribers, Phase},
    node::{Intake, Published, Qualified},
    script::Script,
};
use std::collections::{BTreeMap, BTreeSet};

/// Shares the files of one shard with one of its subscribers, in the order in which they run.
#[derive(Debug)]
pub struct Sharer<'a> {
    pub(super) published: &'a Published,
    pub(super) intake: Intake,
    pub(super) phase: Phase,
    pub(super) temporary: BTreeSet<String>,
    pub(super) indexes: BTreeMap<String, Qualified>,
    /// The file has changed where names without a schema lead.
    pub(super) astray: bool,
    pub(super) made: Vec<Qualified>,
}

/// Where the rows of a table come from, on the subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rows {
    /// By replication.
    Carried,
    /// From nobody: the publication does not have it.
    Apart,
    /// From the file itself.
    Temporary,
    /// Nobody can tell which table it is.
    Astray,
}

impl<'a> Sharer<'a> {
    pub fn new(published: &'a Published, intake: Intake) -> Self {
        Self {
            published,
            intake,
            phase: Phase::Expand,
            temporary: BTreeSet::new(),
            indexes: BTreeMap::new(),
            astray: false,
            made: Vec::new(),
        }
    }

    /// What the subscriber makes of the next file.
    pub fn share(&mut self, script: &Script, phase: Phase, said: Option<OnSubscribers>) -> Share {
        self.phase = phase;
        self.temporary.clear();
        self.astray = false;
        self.made.clear();
        let mut takes = Vec::new();
        let mut brings = false;
        for statement in &script.statements {
            let operation = read(script.dialect, &script.text, statement.span.clone());
            let judged = self.judge(&operation, script.sql(statement));
            // What runs there brings its rows itself.
            brings |= said != Some(OnSubscribers::Run)
                && matches!(judged, Take::Comes(_) | Take::Doubt(_));
            takes.push(match said {
                None => judged,
                Some(OnSubscribers::Run) => Take::Run,
                Some(OnSubscribers::Skip) => Take::Leave("the file says so".into()),
            });
        }
        Share {
            takes,
            made: std::mem::take(&mut self.made),
            brings,
        }
    }

    pub(super) fn rows_of(&self, name: &Name) -> Rows {
        if name.schema.is_none() && self.temporary.contains(&name.name) {
            return Rows::Temporary;
        }
        if self.published.everything {
            return Rows::Carried;
        }
        if name.schema.is_none() && self.astray {
            return Rows::Astray;
        }
        match self.published.carries(&self.resolve(name)) {
            true => Rows::Carried,
            false => Rows::Apart,
        }
    }

    pub(super) fn resolve(&self, name: &Name) -> Qualified {
        self.published.resolve(name.schema.as_deref(), &name.name)
    }

    /// The table that an index is on, made by these files or there before.
    pub(super) fn table_of(&self, index: &Name) -> Option<Name> {
        let made = self.indexes.get(&index.name);
        let found = made.or_else(|| {
            let published = &self.published;
            published.table_of(index.schema.as_deref(), &index.name)
        })?;
        let (schema, name) = found.clone();
        Some(Name {
            schema: Some(schema),
            name,
            span: index.span.clone(),
        })
    }
}
