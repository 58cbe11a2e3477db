//! `[backfill]`: read and checked; what uses it comes with backfills.

use super::section::{At, Section};
use std::time::Duration;

/// `[backfill]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackfillSettings {
    pub batch_time: Duration,
    pub target_lag: Duration,
    /// Per host; none means no limit.
    pub max_rows_per_second: Option<u32>,
    pub windows: Vec<String>,
}

impl Default for BackfillSettings {
    fn default() -> Self {
        Self {
            batch_time: Duration::from_millis(200),
            target_lag: Duration::from_secs(1),
            max_rows_per_second: None,
            windows: Vec::new(),
        }
    }
}

impl BackfillSettings {
    pub(crate) fn read(
        section: Section<'_>,
        windows: impl Fn(&Section<'_>, Vec<At<String>>) -> Vec<String>,
    ) -> Self {
        let usual = Self::default();
        let found = section.strings("windows").unwrap_or_default();
        let settings = Self {
            batch_time: section.duration("batch-time").unwrap_or(usual.batch_time),
            target_lag: section.duration("target-lag").unwrap_or(usual.target_lag),
            max_rows_per_second: section.number("max-rows-per-second", 1),
            windows: windows(&section, found),
        };
        section.finish();
        settings
    }
}
