use crate::place::{Place, project};

#[test]
fn versions_are_taken_back_wave_by_wave() {
    let place = Place::with(
        3,
        &[
            ("V1__a.sql", "CREATE TABLE a (x);"),
            ("V2__b.sql", "CREATE TABLE b (x);"),
            ("U2__b.sql", "DROP TABLE b;"),
        ],
    );
    place.out("apply --yes", 0);
    let said = place.run("undo --dry-run");
    assert_eq!(said.code, 0, "{}", said.err);
    insta::assert_snapshot!(said.out, @r#"
    plan for shop (test), 3 shards in the fleet

    stage 1 of 1: undo, U2
      U2__b.sql  on 3 shards

    waves
      canary           1 shard  s1
      small batch      1 shard  s2
      fleet            1 shard  s3
      up to 8 at a time, 8 per host; stops at the first failed shard

    digest sha256:DIGEST
    "#);
    place.out("undo --yes", 0);
    assert_eq!(
        place.ask("s2", "SELECT count(*) FROM sqlite_schema WHERE name = 'b'"),
        0
    );
    assert_eq!(place.json("status --output json", 0)["versions"]["1"], 3);
    let missing = place.run("undo --yes");
    assert_ne!(missing.code, 0);
    insta::assert_snapshot!(missing.err, @"error: V1 can't be undone: its undo file is not there; write `U1__….sql`");
}

/// Three shards, the canary done, the next wave waiting for an approval.
fn halfway() -> Place {
    let place = Place::with(
        3,
        &[
            ("V1__a.sql", "CREATE TABLE a (x);"),
            ("V2__b.sql", "CREATE TABLE b (x);"),
            ("U2__b.sql", "DROP TABLE b;"),
        ],
    );
    let waves = "\n[[rollout.wave]]\nname = \"canary\"\ncount = 1\n\n[[rollout.wave]]\nname = \"fleet\"\napproval = true\n";
    place.write("greylag.toml", project(3, "") + waves);
    assert_eq!(place.run("apply --yes").code, 4);
    place.run("rollout approve");
    place
}

#[test]
fn an_undo_never_carries_an_unfinished_rollout_forward() {
    let place = halfway();
    for line in ["undo --to 1 --yes", "undo --to 1 --dry-run"] {
        let said = place.run(line);
        assert_eq!(said.code, 6, "{line}: {said:?}");
        assert!(said.err.contains("an undo is asked for"), "{}", said.err);
    }
    let tables = "SELECT count(*) FROM sqlite_schema WHERE name IN ('a', 'b')";
    assert_eq!(place.ask("s1", tables), 2);
    assert_eq!(place.ask("s2", tables), 0);
    place.out("rollout abort --reason back --yes", 0);
    place.out("undo --to 1 --yes", 0);
    assert_eq!(place.ask("s1", tables), 1);
}

#[test]
fn an_unfinished_rollout_is_not_carried_beyond_the_version_asked_for() {
    let place = halfway();
    let said = place.run("apply --to 1 --yes");
    assert_eq!(said.code, 6, "{said:?}");
    assert!(said.err.contains("beyond `--to 1`"), "{}", said.err);
    let tables = "SELECT count(*) FROM sqlite_schema WHERE name IN ('a', 'b')";
    assert_eq!(place.ask("s2", tables), 0);
    place.out("apply --to 2 --yes", 0);
    assert_eq!(place.ask("s2", tables), 2);
}

#[test]
fn an_undo_waits_for_the_approval_that_its_wave_asks_for() {
    let place = halfway();
    place.out("apply --yes", 0);
    let tables = "SELECT count(*) FROM sqlite_schema WHERE name IN ('a', 'b')";
    let said = place.run("undo --to 1 --yes --no-wait");
    assert_eq!(said.code, 4, "{said:?}");
    assert!(said.out.contains("greylag rollout approve"), "{}", said.out);
    assert_eq!((place.ask("s1", tables), place.ask("s2", tables)), (1, 2));
    // Approved, it goes on backward, by whichever verb.
    place.out("rollout approve", 0);
    place.out("apply --yes", 0);
    for shard in ["s1", "s2", "s3"] {
        assert_eq!(place.ask(shard, tables), 1, "{shard}");
    }
}

#[test]
fn an_undo_leaves_out_a_shard_that_is_down_where_asked() {
    let place = Place::with(
        3,
        &[
            ("V1__a.sql", "CREATE TABLE a (x);"),
            ("V2__b.sql", "CREATE TABLE b (x);"),
            ("U2__b.sql", "DROP TABLE b;"),
        ],
    );
    std::fs::create_dir(place.path("far")).unwrap();
    let text = place
        .read("greylag.toml")
        .replace("shards/s3.db", "far/s3.db");
    place.write("greylag.toml", text);
    place.out("apply --yes", 0);
    std::fs::rename(place.path("far"), place.path("away")).unwrap();
    let said = place.run("undo --yes");
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("--skip-unreachable"), "{}", said.err);
    let tables = "SELECT count(*) FROM sqlite_schema WHERE name IN ('a', 'b')";
    assert_eq!(place.ask("s1", tables), 2);
    let said = place.run("undo --yes --skip-unreachable");
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("s3 was not reached"), "{}", said.out);
    assert_eq!((place.ask("s1", tables), place.ask("s2", tables)), (1, 1));
    std::fs::rename(place.path("away"), place.path("far")).unwrap();
    assert_eq!(place.json("status --output json", 0)["versions"]["2"], 1);
    place.out("undo --to 1 --yes", 0);
    assert_eq!(place.json("status --output json", 0)["versions"]["1"], 3);
}

#[test]
fn an_undo_in_ndjson_ends_with_a_summary_however_it_ends() {
    let place = Place::with(1, &[("V1__a.sql", "CREATE TABLE a (x);")]);
    place.out("apply --yes", 0);
    let said = place.run("undo --yes --output ndjson");
    assert_ne!(said.code, 0);
    let last = said.out.lines().last().unwrap();
    let summary: serde_json::Value = serde_json::from_str(last).unwrap();
    assert_eq!(summary["type"], "summary", "{summary}");
}
