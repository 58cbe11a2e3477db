//! What comes up once an unfinished rollout is finished, and before what is pending beside it is under way.

use crate::place::{Place, project};
use serde_json::Value;

const WAVES: &str = "[[rollout.wave]]\nname = \"canary\"\ncount = 1\n\n[[rollout.wave]]\nname = \"fleet\"\napproval = true\n";

/// V2 is on s1 and may go on to the other two; V3 came since.
fn half_done() -> Place {
    let place = Place::with(3, &[("V1__a.sql", "CREATE TABLE a (x);")]);
    place.out("apply --yes", 0);
    place.write("greylag.toml", project(3, WAVES));
    place.write("migrations/V2__b.sql", "CREATE TABLE b (x);");
    place.out("apply --yes", 4);
    place.out("rollout approve", 0);
    place.write("migrations/V3__c.sql", "CREATE TABLE c (x);");
    place
}

/// The rollout's own work is told, whatever stopped the next.
#[track_caller]
fn tells_what_was_done(summary: &Value, why: &str) {
    assert_eq!(summary["type"], "summary", "{summary}");
    assert_eq!(summary["verdict"], "waiting", "{summary}");
    assert_eq!(summary["exit_code"], 5, "{summary}");
    assert!(summary["rollout"].is_string(), "{summary}");
    assert_eq!(summary["shards"]["changed"], 2, "{summary}");
    assert_eq!(summary["migrations_applied"], 2, "{summary}");
    let stopped = summary["stopped"].as_str().unwrap_or_default();
    assert!(stopped.contains(why), "{summary}");
    let waits = &summary["waiting"][0];
    assert_eq!(waits["wait"], "next_plan", "{summary}");
    assert_eq!(waits["migrations"], serde_json::json!(["V3"]), "{summary}");
}

#[test]
fn a_refusal_of_the_next_plan_hides_nothing_of_what_was_done() {
    let edited = || {
        let place = half_done();
        // Of no plan that is unfinished.
        place.write("migrations/V1__a.sql", "CREATE TABLE a (x, y);");
        place
    };
    let lines = edited().lines("apply --yes --output ndjson", 5);
    tells_what_was_done(lines.last().unwrap(), "changed on disk");
    let document = edited().json("apply --yes --output json", 5);
    assert_eq!(document["schema"], "greylag.summary/v1");
    tells_what_was_done(&document, "changed on disk");
    let place = edited();
    let said = place.run("apply --yes");
    assert_eq!(said.code, 5, "{said:?}");
    assert!(
        said.err.contains("V1: checksum") && said.err.contains("greylag repair V1 --reason"),
        "{}",
        said.err
    );
    insta::assert_snapshot!(said.out, @r#"
    ✓ rollout ROLLOUT is done: 2 shards changed, 2 migrations applied
    ✗ it went no further: applied migrations have changed on disk
      V3 pending beside it on 3 shards (s1, s2, s3): it is not planned yet
      go on:  greylag plan && greylag apply
    "#);
    // Of a run that changes nothing it is a refusal.
    place.out("apply --yes", 6);
}

#[test]
fn a_shard_that_only_the_next_plan_needs_splits_no_fleet() {
    let place = half_done();
    std::fs::remove_file(place.path("shards/s1.db")).unwrap();
    std::fs::create_dir(place.path("shards/s1.db")).unwrap();
    let lines = place.lines("apply --yes --output ndjson", 5);
    tells_what_was_done(lines.last().unwrap(), "`s1` can't be reached");
    // Nothing was done by this one.
    place.err("apply --yes", 1);
}

#[test]
fn a_run_that_changed_no_shard_ends_as_the_problem_says_and_tells_what_it_finished() {
    let place = Place::with(1, &[("V1__a.sql", "CREATE TABLE a (x);")]);
    place.out("apply --yes", 0);
    place.write(
        "migrations/V2__b.sql",
        "-- greylag:verify SELECT count(*) = 1 FROM a\nCREATE TABLE b (x);",
    );
    place.out("apply --yes", 3);
    place.sql("s1", "INSERT INTO a VALUES (1)");
    place.out("rollout retry s1", 0);
    place.write("migrations/V3__c.sql", "CREATE TABLE c (x);");
    place.write("migrations/V1__a.sql", "CREATE TABLE a (x, y);");
    let lines = place.lines("apply --yes --output ndjson", 6);
    let summary = lines.last().unwrap();
    assert_eq!(summary["verdict"], "refused", "{summary}");
    assert!(summary["rollout"].is_string(), "{summary}");
    assert_eq!(summary["shards"]["changed"], 0, "{summary}");
    let rollouts = place.json("rollout list --output json", 0);
    assert_eq!(rollouts["rollouts"][0]["ended"], "done", "{rollouts}");
}

#[test]
fn a_version_that_no_file_has_is_told_before_anything_is_touched() {
    let place = half_done();
    let said = place.err("apply --yes --to 99", 2);
    assert!(said.contains("--to names version 99"), "{said}");
    let b = "SELECT count(*) FROM sqlite_schema WHERE name = 'b'";
    assert_eq!(place.ask("s2", b), 0);
}

#[test]
fn what_held_a_shard_that_is_gone_by_now_holds_nothing() {
    let place = Place::with(3, &[("V1__a.sql", "CREATE TABLE a (x);")]);
    place.out("apply --yes", 0);
    place.write("greylag.toml", project(3, WAVES));
    place.write("migrations/V2__b.sql", "CREATE TABLE b (x);");
    place.sql(
        "s3",
        "INSERT INTO greylag_schema_history (installed_rank, version, description, type, script, checksum, installed_by, execution_time, success) \
         VALUES (9, '2', 'b', 'SQL', 'V2__b.sql', 1, 'flyway', 0, 0)",
    );
    place.out("apply --yes", 4);
    place.write("greylag.toml", project(2, WAVES));
    place.out("fleet forget s3 --reason decommissioned", 0);
    place.out("rollout approve", 0);
    let document = place.json("apply --yes --output json", 0);
    assert_eq!(document["verdict"], "done", "{document}");
    assert!(document.get("held").is_none(), "{document}");
    assert_eq!(document["shards"]["changed"], 1, "{document}");
}

/// All that is waited for shares `--wait`, whichever plan it is of.
#[test]
fn what_the_first_round_has_used_up_of_the_wait_the_second_one_has_not() {
    let place = Place::with(2, &[("V1__a.sql", "CREATE TABLE a (x);")]);
    let check = "[[check]]\nname = \"ready\"\ncommand = [\"./ready\"]\nevery = \"100ms\"\n";
    let answers = |script: &str| {
        place.write("ready", format!("#!/bin/sh\necho x >> asked\n{script}\n"));
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(place.path("ready"), executable).unwrap();
    };
    answers("exit 0");
    place.write("greylag.toml", project(2, &format!("{WAVES}{check}")));
    place.out("apply --yes --output json", 4);
    place.out("rollout approve", 0);
    place.out("apply --yes", 0);
    place.write("migrations/V2__b.sql", "CREATE TABLE b (x);");
    place.out("apply --yes", 4);
    place.out("rollout approve", 0);
    place.write("migrations/V3__c.sql", "CREATE TABLE c (x);");

    // V2's second wave is let go, by an answer that takes longer than the whole wait; V3's first wave never is.
    std::fs::remove_file(place.path("asked")).unwrap();
    answers("[ \"$(wc -l < asked)\" -eq 1 ] || exit 1\nsleep 3");
    let lines = place.lines("apply --yes --wait 1s --output ndjson", 4);
    let summary = lines.last().unwrap();
    assert_eq!(summary["waiting"][0]["wait"], "check", "{summary:#}");
    for shard in ["s1", "s2"] {
        let tables = "SELECT count(*) FROM sqlite_schema WHERE name IN ('b', 'c')";
        assert_eq!(place.ask(shard, tables), 1, "V2 and no more");
    }
    assert_eq!(place.read("asked").lines().count(), 2, "once in each round");
}
