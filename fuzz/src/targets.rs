//! What is fuzzed: a check each, with the words and seeds that help to reach far into it.

mod directives;
mod filler;
mod names;
mod placeholders;
mod project;
mod selectors;
mod splitter;
mod sqlite_says;
mod tokens;
mod windows;

/// A check: it panics when something that must hold for every input doesn't.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    pub name: &'static str,
    /// What must hold, in a line.
    pub holds: &'static str,
    pub check: fn(&[u8]),
    /// What a mutation may put in.
    pub words: &'static [&'static str],
    /// Its folder under `fuzz/seeds`.
    pub seeds: &'static str,
    /// Corpora whose folders end so are seeds too.
    pub corpora: &'static [&'static str],
    /// It reads file names, not texts.
    pub by_name: bool,
}

/// All targets.
pub fn all() -> Vec<Target> {
    let mut all = splitter::targets();
    all.extend([
        tokens::TARGET,
        directives::TARGET,
        names::TARGET,
        placeholders::TARGET,
        project::TARGET,
        windows::TARGET,
        selectors::TARGET,
    ]);
    all
}

/// The target of a name.
pub fn find(name: &str) -> Option<Target> {
    all().into_iter().find(|target| target.name == name)
}
