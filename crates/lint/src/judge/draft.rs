//! A finding under way, as a rule writes it.

use crate::{
    finding::{Decided, Message, Severity},
    fix::Fix,
    operation::Bytes,
};

/// A finding under way: which file, rule and place it is about is added later.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// Bytes of the script's text.
    pub(crate) span: Bytes,
    pub(crate) title: String,
    pub(crate) message: Message,
    /// Instead of the rule's own.
    pub(crate) severity: Option<Severity>,
    pub(crate) decided: Decided,
    pub(crate) fix: Option<Fix>,
    /// Another id than the rule's; for squawk's.
    pub(crate) rule: Option<String>,
}

impl Draft {
    pub(crate) fn new(span: Bytes, title: impl Into<String>) -> Self {
        Self {
            span,
            title: title.into(),
            message: Message::default(),
            severity: None,
            decided: Decided::Text,
            fix: None,
            rule: None,
        }
    }

    pub(crate) fn why(mut self, text: impl Into<String>) -> Self {
        self.message.why = text.into();
        self
    }

    pub(crate) fn lock(mut self, text: impl Into<String>) -> Self {
        self.message.lock = Some(text.into());
        self
    }

    pub(crate) fn replicas(mut self, text: impl Into<String>) -> Self {
        self.message.replicas = Some(text.into());
        self
    }

    pub(crate) fn shards(mut self, text: impl Into<String>) -> Self {
        self.message.shards = Some(text.into());
        self
    }

    pub(crate) fn instead(mut self, text: impl Into<String>) -> Self {
        self.message.instead = Some(text.into());
        self
    }

    pub(crate) fn fix(mut self, fix: Option<Fix>) -> Self {
        self.fix = fix;
        self
    }

    pub(crate) fn decided(mut self, decided: Decided) -> Self {
        self.decided = self.decided.max(decided);
        self
    }

    pub(crate) fn severity(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }

    /// As grave as its size makes it.
    pub(crate) fn sized(self, size: &super::scene::Size) -> Self {
        let draft = self.decided(size.decided);
        match size.severity {
            Some(severity) => draft.severity(severity),
            None => draft,
        }
    }

    /// For one: a rule's usual answer.
    pub(crate) fn alone(self) -> Vec<Draft> {
        vec![self]
    }
}
