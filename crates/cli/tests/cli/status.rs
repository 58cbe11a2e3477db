use crate::place::{Place, project};

const ONE: (&str, &str) = ("V1__a.sql", "CREATE TABLE a (x);");

#[test]
fn versions_pending_and_failures_are_shown() {
    let place = Place::with(4, &[ONE]);
    place.out("apply --yes", 0);
    place.sql("s3", "CREATE TABLE b (x)");
    place.write("migrations/V2__b.sql", "CREATE TABLE b (x);");
    place.write("greylag.toml", project(4, "[rollout]\nmax-in-flight = 1\n"));
    place.out("apply --yes", 3);
    insta::assert_snapshot!(place.out("status", 5), @r#"
    shop (test): 4 shards, 2 up to date, 1 pending, 1 failed
                V1      2  ━━━━━━━━━━━━━━━
                V2      2  ━━━━━━━━━━━━━━━
    rollout ROLLOUT: stopped, 2 shards done, 1 failed
      waiting: 1 shard failed (s3), and none is tolerated (failure-budget)

     SHARD  VERSION  PENDING  STATE
     s1     V2                up to date
     s2     V2                up to date
     s3     V1       V2       failed in V2
     s4     V1       V2       pending

    s3 failed in V2
      at V2__b.sql:1:14 (statement 1)
        | CREATE TABLE b (x)
      conflict [1]: table b already exists
      everything it did was rolled back
      hint: The shard already has it, perhaps by hand: compare it with the migration; then drop it there, or let the file say IF NOT EXISTS.
    "#);
}

#[test]
fn the_document_has_what_is_promised() {
    let place = Place::with(2, &[ONE]);
    place.out("apply --yes", 0);
    let status = place.json("status --output json", 0);
    assert_eq!(status["schema"], "greylag.status/v1");
    for key in ["shards", "up_to_date", "pending", "failed"] {
        assert!(status["fleet"][key].is_number(), "{key}");
    }
    assert_eq!(status["versions"], serde_json::json!({"1": 2}));
    for key in [
        "name", "engine", "host", "labels", "version", "applied", "pending", "failed", "replicas",
    ] {
        assert!(status["shards"][0].get(key).is_some(), "{key}");
    }
    assert!(status["changes"].is_array());
    assert!(status.get("rollout").is_some());
}

#[test]
fn a_deploy_waits_for_a_version() {
    let place = Place::with(2, &[ONE]);
    let said = place.run("status --at-least 1 --wait 1ms");
    assert_eq!(said.code, 4, "{}", said.err);
    assert!(said.err.contains("2 shards not there yet"), "{}", said.err);
    place.out("apply --yes", 0);
    place.out("status --at-least 1 --wait 10m", 0);
    place.out("status --at-least 2", 4);
}

#[test]
fn a_shard_that_cannot_be_reached_is_told_and_counted() {
    let place = Place::with(2, &[ONE]);
    place.out("apply --yes", 0);
    std::fs::remove_dir_all(place.path("shards")).unwrap();
    let said = place.run("status");
    assert_eq!(said.code, 5, "{}", said.err);
    insta::assert_snapshot!(said.out, @r#"
    shop (test): 2 shards, 0 up to date, 2 unreachable
    rollout ROLLOUT: done, 2 shards done

     SHARD  VERSION  PENDING  STATE
     s1     -                 unreachable
     s2     -                 unreachable

    s1 can't be reached
      sqlite:/here/shards/s1.db can't be reached: the folder /here/shards does not exist

    s2 can't be reached
      sqlite:/here/shards/s2.db can't be reached: the folder /here/shards does not exist
    "#);
}

#[test]
fn a_shard_that_is_refused_is_a_problem_whatever_its_version() {
    let place = Place::with(2, &[ONE]);
    place.out("apply --yes", 0);
    place.sql("s2", "UPDATE greylag_shard SET environment = 'production'");
    let status = place.json("status --output json", 5);
    assert_eq!(status["fleet"]["refused"], 1);
    place.out("status --at-least 1", 5);
    // Waiting for a version is what was asked first.
    place.out("status --at-least 2", 4);
}

#[test]
fn what_must_be_mended_is_a_problem_and_what_is_pending_is_none() {
    let place = Place::with(2, &[ONE]);
    place.out("status", 0);
    place.out("apply --yes", 0);
    place.write("migrations/V2__b.sql", "CREATE TABLE b (x);");
    place.out("status", 0);
    // As another tool leaves it.
    place.sql(
        "s2",
        "INSERT INTO greylag_schema_history (installed_rank, version, description, type, script, checksum, installed_by, execution_time, success) \
         VALUES (2, '2', 'b', 'SQL', 'V2__b.sql', 1, 'ann', 1, 0)",
    );
    let status = place.json("status --output json", 5);
    assert_eq!(status["fleet"]["failed"], 1, "{}", status["fleet"]);
    assert_eq!(status["fleet"]["pending"], 1, "{}", status["fleet"]);
    assert_eq!(status["shards"][1]["failed"]["migration"], "V2");
    let said = place.out("status", 5);
    assert!(said.contains("1 pending, 1 failed"), "{said}");
    assert!(
        said.contains("s2     V1       V2       failed in V2"),
        "{said}"
    );
    // Whoever waits for V1 has it.
    place.out("status --at-least 1", 0);
    place.out("status --at-least 2", 4);
    place.out("repair --yes --reason \"it was tried by hand\"", 0);
    place.out("status", 0);
    place.write("migrations/V1__a.sql", "CREATE TABLE a (x, y);");
    let status = place.json("status --output json", 5);
    assert_eq!(status["shards"][0]["changed"], serde_json::json!(["V1"]));
}
