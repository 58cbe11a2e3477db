//! What the lint says of odd migrations, against what real servers do with them.

mod advice;
mod anew;
mod cases;
#[path = "../corpus/mod.rs"]
mod corpus;
mod defaults;
mod mysql;
mod names;
mod old_app;
mod partitions;
mod postgres;
mod probes;
#[path = "../servers/versions.rs"]
mod servers;
mod sqlite;

use cases::cases;
