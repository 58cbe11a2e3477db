//! Rules about replicas.
use crate::rule::Rule;
pub(crate) const RULES: &[&Rule] = &[];
