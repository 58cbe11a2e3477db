//! The lint: migrations in, findings out: what they will do to readers, writers, replicas and shards.
//!
//! Pure: no database, no files, no clock. What a fleet looks like comes in as [`FleetFacts`], if anyone has looked.
//!
//! [`Unit`]s are files read and cut by `greylag_core`. Each statement is read into operations ([`operation`]); what an
//! operation does on a server is data ([`effects`]); rules ([`rules`]) look at operations, at what earlier files made
//! (`catalog`), at the project's [`Settings`] and at the fleet, and report [`Finding`]s. What could not be read is counted
//! and named in the [`Coverage`], never taken for safe.

mod allow;
mod catalog;
pub mod effects;
mod facts;
mod finding;
pub mod fix;
mod judge;
pub mod operation;
mod read;
mod report;
mod rule;
pub mod rules;
mod settings;
pub mod share;
mod squawk;
mod traced;
pub mod unit;
mod version;

pub use facts::{
    FleetFacts, NumberingFacts, PublicationFacts, SlotFacts, StandbyFacts, TableFacts,
};
pub use finding::{Allowed, Decided, Finding, Message, Place, Severity, Span, Traced};
pub use fix::{Fix, NewFile, Step};
pub use judge::{Claim, claims, lint, operations, weigh};
pub use report::{Coverage, Report, Unasked, Unjudged};
pub use rule::{Group, Rule};
pub use settings::{Level, Settings, TableClass, TableSettings, Thresholds, Versions};
pub use traced::{Trace, TracedFile};
pub use unit::{Standing, Unit};
pub use version::{ServerVersion, VersionError};
