//! Rewrites, as ready files.
//!
//! A fix says what is to stand in one statement's place. [`apply`] puts the fixes of a file together: what must not share
//! a transaction goes into files of its own, and the order of the statements stays.

mod apply;
mod write;

pub use apply::apply;

use serde::{Deserialize, Serialize};

/// What is to stand in one statement's place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fix {
    /// What it does, as an imperative: "build the index concurrently, in a file of its own".
    pub title: String,
    /// The statement it replaces, counted from 0.
    pub statement: usize,
    /// In order.
    pub steps: Vec<Step>,
}

/// One or more statements of a fix that go out together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Whole statements, each with its `;`.
    pub sql: String,
    /// None: it may stay with what is around it. Else what a file of its own is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_file: Option<String>,
    /// Its file says `-- greylag:transaction off`.
    #[serde(default)]
    pub transaction_off: bool,
}

/// A file as it is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewFile {
    /// Its path relative to the migrations folder. The first one replaces the file that was judged.
    pub script: String,
    pub text: String,
}

impl Step {
    /// Statements that may stay where the replaced one stood.
    pub fn here(sql: impl Into<String>) -> Step {
        Step {
            sql: sql.into(),
            own_file: None,
            transaction_off: false,
        }
    }

    /// Statements that need a transaction of their own.
    pub fn apart(name: impl Into<String>, sql: impl Into<String>) -> Step {
        Step {
            sql: sql.into(),
            own_file: Some(name.into()),
            transaction_off: false,
        }
    }

    /// A statement that can't run in a transaction.
    pub fn outside(name: impl Into<String>, sql: impl Into<String>) -> Step {
        Step {
            transaction_off: true,
            ..Step::apart(name, sql)
        }
    }
}
