//! Rules about shards.
use crate::rule::Rule;
pub(crate) const RULES: &[&Rule] = &[];
