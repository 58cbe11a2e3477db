//! What must be true of the databases, whatever happened.

use crate::{ground::Ground, scripts::Script};
use std::collections::BTreeMap;

/// At any time: no effect is there twice, and no version has two rows.
pub async fn nothing_is_there_twice(ground: &Ground, story: &str) {
    for shard in 0..ground.databases.len() {
        for sql in [
            "SELECT max(n) FROM (SELECT count(*) AS n FROM effect GROUP BY step) AS counted",
            "SELECT max(n) FROM (SELECT count(*) AS n FROM greylag_schema_history WHERE version IS NOT NULL AND success GROUP BY version) AS counted",
        ] {
            let most = ground.count(shard, sql).await.unwrap_or(0);
            assert!(
                most <= 1,
                "s{shard:02} has something {most} times ({sql})\n{story}"
            );
        }
    }
}

/// In the end: each effect once, each version once, the last revision of the repeatable once, and nothing under way.
pub async fn everything_is_there_once(
    ground: &Ground,
    scripts: &[Script],
    revision: u32,
    story: &str,
) {
    for shard in 0..ground.databases.len() {
        let effects: BTreeMap<String, i64> = scripts
            .iter()
            .flat_map(|script| &script.effects)
            .map(|effect| (effect.clone(), 1))
            .collect();
        for (effect, times) in &effects {
            let sql = format!("SELECT count(*) FROM effect WHERE step = '{effect}'");
            assert_eq!(
                ground.count(shard, &sql).await,
                Some(*times),
                "effect {effect} on s{shard:02}\n{story}"
            );
        }
        let all = ground
            .count(
                shard,
                "SELECT count(*) FROM effect WHERE step NOT LIKE 'R%'",
            )
            .await;
        assert_eq!(
            all,
            i64::try_from(effects.len()).ok(),
            "effects on s{shard:02}\n{story}"
        );
        let last = format!("SELECT count(*) FROM effect WHERE step = 'R{revision}'");
        assert_eq!(
            ground.count(shard, &last).await,
            Some(1),
            "the repeatable on s{shard:02}\n{story}"
        );
        let versions: Vec<String> = scripts
            .iter()
            .map(|script| script.version.to_string())
            .collect();
        let mut seen: Vec<u32> = ground
            .versions(shard)
            .await
            .split(' ')
            .filter_map(|version| version.parse().ok())
            .collect();
        seen.sort_unstable();
        let seen: Vec<String> = seen.iter().map(ToString::to_string).collect();
        assert_eq!(seen, versions, "history of s{shard:02}\n{story}");
        // Made on first use: without the table nothing was ever under way.
        let sql = "SELECT count(*) FROM greylag_step WHERE state <> 'applied'";
        let open = ground.count(shard, sql).await.unwrap_or(0);
        assert_eq!(open, 0, "open steps on s{shard:02}\n{story}");
    }
}
