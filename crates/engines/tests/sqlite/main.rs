//! SQLite shards, on real files: the traps that the engine stands on, each by its story.

mod bench;
mod child;
mod corpora;
mod killed;
mod lock;
mod resumed;
mod surveyed;
mod wrapped;
