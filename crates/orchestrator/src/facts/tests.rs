use super::{Appraised, Unlooked, fold};
use greylag_core::engine::Engine;
use greylag_engines::{
    Appraisal,
    appraisal::{Numbered, Publication, Standby, TableSize},
};
use std::collections::BTreeMap;

fn primary(shard: &str, server: &str, version: &str, rows: u64) -> Appraised {
    let table = TableSize {
        schema: Some("public".into()),
        name: "orders".into(),
        visible: true,
        rows,
        table_bytes: Some(rows * 100),
        index_bytes: Some(rows * 10),
        has_primary_key: true,
        row_versions: (rows > 100).then_some(rows / 100),
        numbered: vec![Numbered {
            column: "id".into(),
            data_type: if rows > 100 { "bigint" } else { "integer" }.into(),
            used: rows,
            room: if rows > 100 { 100_000 } else { 100 },
        }],
    };
    Appraised {
        shard: shard.parse().unwrap(),
        node: None,
        engine: Engine::Postgres,
        appraisal: Appraisal {
            version: version.into(),
            server: server.into(),
            tables: vec![table],
            settings: BTreeMap::from([("TimeZone".into(), server.into())]),
            ..Appraisal::default()
        },
    }
}

#[test]
fn the_largest_shard_decides_and_servers_are_counted() {
    let seen = [
        primary("a", "one", "14.2", 10),
        primary("b", "one", "17.1 (Debian)", 500),
        primary("c", "two", "15.4", 40),
    ];
    let facts = &fold(&seen, Vec::new()).facts[&Engine::Postgres];
    for name in ["orders", "public.orders"] {
        let table = &facts.tables[name];
        assert_eq!((table.rows, &*table.largest_shard), (500, "b"));
        assert_eq!(table.table_bytes, 50_000);
        assert_eq!(table.row_versions, Some(5));
        // Not the one that has used most of them, but the one with the least left for its share.
        let fullest = table.numbering.as_ref().unwrap();
        assert_eq!(
            (&*fullest.shard, fullest.used, fullest.room),
            ("c", 40, 100)
        );
        assert_eq!(table.bytes_per_server, 510 * 110);
    }
    let versions = facts.versions[&Engine::Postgres];
    assert_eq!(versions.oldest.to_string(), "14.2");
    assert_eq!(versions.newest.to_string(), "17.1");
    assert_eq!((facts.shards, facts.shards_per_server), (3, 2));
    assert_eq!(facts.differing_settings["TimeZone"], ["one", "two"]);
}

#[test]
fn a_shard_that_nobody_could_look_at_is_named() {
    let dark = |shard: &str, node: Option<&str>| Unlooked {
        shard: shard.parse().unwrap(),
        node: node.map(str::to_owned),
        why: "refused".into(),
    };
    let seen = [primary("a", "one", "15.4", 10)];
    let gathered = fold(&seen, vec![dark("b", None), dark("a", Some("r1"))]);
    assert_eq!(gathered.facts[&Engine::Postgres].unseen, ["b"]);
    assert_eq!(gathered.dark().count(), 1);
    assert_eq!((gathered.shards, gathered.unlooked.len()), (1, 2));
}

#[test]
fn a_standby_of_one_engine_says_nothing_of_another() {
    let mut replica = primary("m", "three", "9.7.4", 0);
    replica.engine = Engine::Mysql;
    replica.node = Some("r1".into());
    replica.appraisal.standby = Some(Standby {
        conflict_delay_ms: -1,
        feedback: false,
        oldest_reader_ms: Some(5),
    });
    let seen = [primary("a", "one", "15.4", 10), replica];
    let facts = fold(&seen, Vec::new()).facts;
    assert!(facts[&Engine::Postgres].standbys.is_empty());
    assert_eq!(facts[&Engine::Mysql].standbys[0].node, "r1");
}

#[test]
fn a_standby_that_sorts_by_another_library_is_told() {
    let mut sorted = primary("a", "one", "15.4", 10);
    sorted.appraisal.collation_version = Some("2.36".into());
    let standby = |version: Option<&str>| {
        let mut replica = primary("a", "two", "15.4", 0);
        replica.node = Some("r1".into());
        replica.appraisal.collation_version = version.map(str::to_owned);
        replica.appraisal.standby = Some(Standby {
            conflict_delay_ms: 0,
            feedback: false,
            oldest_reader_ms: None,
        });
        replica
    };
    for (version, other) in [
        (Some("2.31"), Some("2.31")),
        (Some("2.36"), None),
        (None, None),
    ] {
        let facts = fold(&[sorted.clone(), standby(version)], Vec::new()).facts;
        let seen = &facts[&Engine::Postgres].standbys[0].other_collation;
        assert_eq!(seen.as_deref(), other);
    }
}

#[test]
fn a_publication_of_one_name_carries_what_it_does_on_any_shard() {
    let publishing = |shard: &str, schema: &str| {
        let mut one = primary(shard, shard, "15.4", 10);
        one.appraisal.publications = vec![Publication {
            name: "p".into(),
            all_tables: false,
            tables: vec![format!("{schema}.orders")],
            schemas: vec![schema.to_owned()],
        }];
        one
    };
    let seen = [
        publishing("a", "x"),
        publishing("b", "y"),
        publishing("c", "x"),
    ];
    let facts = &fold(&seen, Vec::new()).facts[&Engine::Postgres];
    assert_eq!(facts.publications.len(), 1);
    assert_eq!(facts.publications[0].schemas, ["x", "y"]);
    assert!(facts.publications[0].names(Some("y"), "refunds"));
    assert!(!facts.publications[0].names(Some("z"), "refunds"));
}
