//! What goes wrong on a real night, with the real binary on real servers: each story asserts the exit code, what the
//! person is told, and the truth in the databases.

mod approval;
mod checks;
mod clones;
mod cut_commit;
mod door;
mod flyway_table;
mod frozen_state;
mod full_disk;
mod ground;
mod grouped;
mod held_lock;
mod killed_tool;
mod lost_state;
mod missing_files;
mod missing_shards;
mod mission;
mod mixed_fleet;
mod neighbours;
mod odd_files;
mod orphan;
mod our_transaction;
mod own_connection;
mod partly;
mod planned_anew;
mod remembered;
mod run;
mod schema_shards;
mod server_death;
mod settled_first;
mod steering;
mod two_applies;
mod unknown;
mod verified;
mod ways_on;
