//! What plan and rollout decide, told as stories of events.

mod digest;
mod fixture;
mod home;
mod mission;
mod oracle;
mod random;
mod resuming;
mod rules;
mod walk;
