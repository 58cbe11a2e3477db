//! SQL to run on each working connection, per engine.

use super::section::Section;
use greylag_core::{engine::Engine, script::session_statements};
use std::{collections::BTreeMap, sync::Arc};

/// `[session]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionSql {
    by_engine: BTreeMap<Engine, Vec<String>>,
}

impl SessionSql {
    pub(crate) fn read(section: Section<'_>) -> Self {
        let mut by_engine = BTreeMap::new();
        for engine in Engine::ALL {
            if let Some(lines) = section.strings(engine.as_str()) {
                for line in &lines {
                    if let Some((message, hint)) = fault(engine, std::slice::from_ref(&line.value))
                    {
                        section.problems().add(line.span.clone(), message, hint);
                    }
                }
                let lines = lines.into_iter().map(|line| line.value).collect();
                by_engine.insert(engine, lines);
            }
        }
        section.finish();
        Self { by_engine }
    }

    /// The project's lines for an engine, then the shard's own.
    pub fn for_shard(&self, engine: Engine, own: &[String]) -> Arc<[String]> {
        let common = self.by_engine.get(&engine).map_or(&[][..], Vec::as_slice);
        common.iter().chain(own).cloned().collect()
    }

    /// The lines of each engine that has some, for the digest of a plan.
    pub fn by_engine(&self) -> &BTreeMap<Engine, Vec<String>> {
        &self.by_engine
    }
}

/// Why lines can't be run on each working connection, and how to mend it.
pub(crate) fn fault(engine: Engine, lines: &[String]) -> Option<(String, String)> {
    let fault = session_statements(engine.dialect(), lines).err()?;
    Some((fault.to_string(), fault.hint))
}

/// The first line that sets the search path.
pub(crate) fn sets_search_path(lines: &[String]) -> Option<&String> {
    lines
        .iter()
        .find(|line| line.to_ascii_lowercase().contains("search_path"))
}
