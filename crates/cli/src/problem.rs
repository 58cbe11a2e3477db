//! What the command line says when a verb can't do its work.

use crate::{mistake::Mistake, workplace::shown};
use greylag_core::migration::MigrationError;
use greylag_orchestrator::{
    Exit, Explained,
    discover::DiscoverError,
    files::{FileFault, FilesError},
    project::LoadError,
};
use std::{fmt, path::PathBuf};

/// An error on its way to the person: what, why, how to mend it, and the exit code.
#[derive(Debug)]
pub struct Problem {
    pub exit: Exit,
    /// The same, where shards were changed before.
    pub exit_after_work: Exit,
    pub message: String,
    /// From the nearest to the root.
    pub causes: Vec<String>,
    pub hints: Vec<String>,
    /// Mistakes in a file, to be drawn with the text.
    pub mistakes: Vec<Mistake>,
    /// Whether there is work whose outcome nobody knows.
    pub unknown: bool,
}

impl Problem {
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            exit_after_work: exit.after_work(),
            message: message.into(),
            causes: Vec::new(),
            hints: Vec::new(),
            mistakes: Vec::new(),
            unknown: false,
        }
    }

    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    pub fn because(mut self, error: &dyn std::error::Error) -> Self {
        self.causes.push(error.to_string());
        self.causes.extend(causes(error));
        self
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The project file could not be read.
    pub fn of_project(error: LoadError) -> Self {
        let mut problem = Self::usage(error.to_string());
        problem.causes = causes(&error);
        if let LoadError::Config(config) = error {
            problem.mistakes = config
                .problems
                .iter()
                .map(|found| Mistake::of_project(&config.file, found))
                .collect();
        }
        problem
    }

    /// The fleet could not be found.
    pub fn of_discovery(error: &DiscoverError) -> Self {
        let mut problem = Self::new(error.exit(), error.to_string());
        match &error.troubles[..] {
            [one] => problem.hints.extend(one.hint.clone()),
            many => {
                let told = many.iter().map(|trouble| match &trouble.hint {
                    Some(hint) => format!("{trouble}\n           {hint}"),
                    None => trouble.to_string(),
                });
                problem.causes.extend(told);
            }
        }
        problem
    }

    /// Migrations that can't run as they are.
    pub fn of_scripts(errors: &[MigrationError], folders: &[PathBuf]) -> Self {
        let mut problem = Self::usage(faults(errors.len()));
        for error in errors {
            let path = folders
                .iter()
                .map(|folder| folder.join(&error.script))
                .find(|path| path.exists());
            let file = path.map_or_else(|| error.script.clone(), |path| shown(&path));
            problem.mistakes.push(Mistake::of_migration(&file, error));
        }
        problem
    }

    /// The migrations could not be read.
    pub fn of_files(error: &FilesError) -> Self {
        let mut problem = Self::usage(faults(error.faults.len()));
        for fault in &error.faults {
            match fault {
                FileFault::File { path, error } => {
                    problem
                        .mistakes
                        .push(Mistake::of_migration(&shown(path), error));
                }
                _ => {
                    let why = causes(fault);
                    problem
                        .causes
                        .push([vec![fault.to_string()], why].concat().join(": "));
                    problem.hints.extend(fault.hint());
                }
            }
        }
        problem
    }
}

impl<E: Explained> From<E> for Problem {
    fn from(error: E) -> Self {
        Self {
            exit: error.exit(),
            exit_after_work: error.exit_after_work(),
            message: error.to_string(),
            causes: causes(&error),
            hints: error.hints(),
            mistakes: Vec::new(),
            unknown: error.leaves_unknown(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

fn faults(n: usize) -> String {
    match n {
        1 => "the migrations have a fault".to_owned(),
        n => format!("the migrations have {n} faults"),
    }
}

/// What an error's sources say, without what was said already.
fn causes<E: std::error::Error + ?Sized>(error: &E) -> Vec<String> {
    let mut said = error.to_string();
    let mut found = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !said.contains(&text) {
            found.push(text.clone());
        }
        said = text;
        next = cause.source();
    }
    found
}
