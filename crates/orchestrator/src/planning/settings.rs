//! What a plan's digest covers beside the plan.

use crate::{executor::placeholders, fleet::FleetShard, setup::Setup};
use greylag_core::{fleet::ShardName, plan::Plan};
use sha2::{Digest, Sha256};

/// What the digest covers beside the plan: session SQL and resolved placeholders of each of its shards. A shard that joins
/// the fleet later changes nothing of it.
pub fn settings_digest(setup: &Setup, plan: &Plan) -> String {
    let mut hash = Sha256::new();
    let mut field = |text: &str| {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    };
    let mut planned: Vec<&ShardName> = plan.shards().iter().map(|shard| &shard.name).collect();
    planned.sort_unstable();
    let is_planned = |shard: &&FleetShard| planned.binary_search(&&shard.shard.name).is_ok();
    let mut shards: Vec<&FleetShard> = setup.fleet.shards.iter().filter(is_planned).collect();
    shards.sort_unstable_by(|a, b| a.shard.name.cmp(&b.shard.name));
    for shard in shards {
        field(shard.shard.name.as_str());
        field(&shard.target.history_table);
        shard.target.session_sql.iter().for_each(|sql| field(sql));
        for (name, value) in placeholders(&setup.migrations.placeholders, shard) {
            // Where a shard is may change; what its files say may not.
            if !name.starts_with("flyway:") {
                field(&name);
                field(&value);
            }
        }
    }
    hash.finalize()
        .iter()
        .fold(String::new(), |mut text, byte| {
            text.push_str(&format!("{byte:02x}"));
            text
        })
}
