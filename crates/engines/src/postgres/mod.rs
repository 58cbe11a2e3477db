//! PostgreSQL 14 to 18.
//!
//! A transactional migration and its history row are one message; everything else goes statement by statement with an
//! intent before and a step row after. Knows nothing of plans or rollouts.

mod acquaintance;
mod address;
mod afresh;
mod apart;
mod apply;
mod appraise;
mod attempt;
mod cancel;
mod catalog;
mod connect;
mod dial;
mod emptiness;
mod examine;
mod facts;
mod failure;
mod guard;
mod history;
mod home;
mod image;
mod link;
mod lock;
mod mend;
mod message;
mod names;
mod observe;
mod pieces;
mod place;
mod quote;
mod remember;
mod session;
mod settle;
mod shield;
mod startup;
mod stepwise;
mod survey;
mod tables;
mod temporary;
mod tls;
mod trace;
mod verdict;
mod walk;
mod watch;

pub use appraise::appraise;
pub use connect::open;
pub use dial::{DialError, dial};
pub use observe::observe;
pub use trace::trace;
