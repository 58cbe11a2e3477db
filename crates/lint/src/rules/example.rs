//! A rule's `bad.sql` and `good.sql`: a small project in one file.
//!
//! Lines that begin with `-- engine`, `-- lint` and `-- fleet` say where it runs and what is known; `-- given` begins a file
//! that ran before, `-- migration` one that is judged; `-- refused` one that is judged and that the server refuses. A
//! migration's line may name its phase: `-- migration contract orders-total`.

use crate::{facts::FleetFacts, settings::Settings, unit::Unit};
use greylag_core::engine::Engine;
use std::collections::BTreeMap;

/// A small project in one file.
#[derive(Clone, Debug, Default)]
pub struct Example {
    /// By name; empty: whatever the rule is for.
    pub engines: Vec<Engine>,
    pub settings: Settings,
    pub fleet: Option<FleetFacts>,
    pub files: Vec<ExampleFile>,
}

/// One migration of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExampleFile {
    pub script: String,
    pub text: String,
    pub judged: bool,
    /// The server refuses it.
    pub refused: bool,
}

/// What is wrong with an example.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExampleError {
    #[error("no engine is called `{0}`")]
    Engine(String),
    #[error("{0}")]
    Toml(String),
}

impl Example {
    pub fn parse(text: &str) -> Result<Example, ExampleError> {
        let mut example = Example::default();
        let (mut lint, mut fleet) = (String::new(), String::new());
        for line in text.lines() {
            let said = line.strip_prefix("-- ").unwrap_or_default();
            let (word, rest) = said.split_once(' ').unwrap_or((said, ""));
            match word {
                "engine" => example.engines = engines(rest)?,
                "lint" => lint += &format!("{rest}\n"),
                "fleet" => fleet += &format!("{rest}\n"),
                "given" | "migration" | "refused" => example.begin(word, rest),
                _ => {
                    if let Some(file) = example.files.last_mut() {
                        file.text += &format!("{line}\n");
                    }
                }
            }
        }
        let wrong = |error: toml::de::Error| ExampleError::Toml(error.to_string());
        example.settings = toml::from_str(&lint).map_err(wrong)?;
        if !fleet.is_empty() {
            example.fleet = Some(toml::from_str(&fleet).map_err(wrong)?);
        }
        Ok(example)
    }

    fn begin(&mut self, word: &str, rest: &str) {
        let number = self.files.len() + 1;
        let mut words = rest.split_whitespace();
        let mut text = String::new();
        if let Some(phase) = words.next() {
            text += &format!("-- greylag:phase {phase}\n");
        }
        if let Some(change) = words.next() {
            text += &format!("-- greylag:change {change}\n");
        }
        self.files.push(ExampleFile {
            script: format!("V{number}__example.sql"),
            text,
            judged: word != "given",
            refused: word == "refused",
        });
    }

    /// Its files as units of an engine.
    pub fn units(&self, engine: Engine) -> Vec<Unit> {
        let none = BTreeMap::new();
        let units = self.files.iter().map(|file| {
            let unit = Unit::read(engine, &file.script, file.text.as_bytes(), None, &none);
            if file.judged { unit } else { unit.earlier() }
        });
        units.collect()
    }
}

fn engines(text: &str) -> Result<Vec<Engine>, ExampleError> {
    let unknown = |name: &str| ExampleError::Engine(name.to_owned());
    let engines = text.split_whitespace();
    engines
        .map(|name| Engine::from_scheme(name).ok_or_else(|| unknown(name)))
        .collect()
}
