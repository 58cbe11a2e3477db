//! What plan and rollout decide, told as stories of events.

mod acts;
mod digest;
mod doubts;
mod fixture;
mod gates;
mod home;
mod journals;
mod limits;
mod losses;
mod mission;
mod oracle;
mod random;
mod resuming;
mod story;
mod walk;
