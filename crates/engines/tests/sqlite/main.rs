//! SQLite shards, on real files: the traps that the engine stands on, each by its story.

mod bench;
mod resumed;
mod wrapped;
