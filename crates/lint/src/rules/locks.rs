//! Rules about locks.
use crate::rule::Rule;
pub(crate) const RULES: &[&Rule] = &[];
