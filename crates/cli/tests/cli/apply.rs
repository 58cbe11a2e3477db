use crate::place::{Place, project};

const ONE: (&str, &str) = (
    "V1__create_users.sql",
    "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT);",
);
const UNIQUE: (&str, &str) = (
    "V2__one_user_per_email.sql",
    "-- one address, one user\nCREATE UNIQUE INDEX users_email\n    ON users (email);\n",
);
const ONE_AT_A_TIME: &str = "[rollout]\nmax-in-flight = 1\n";

/// A fleet at V1, where `s3` breaks the rule that V2 makes.
fn odd_third() -> Place {
    let place = Place::with(5, &[ONE]);
    place.write("greylag.toml", project(5, ONE_AT_A_TIME));
    place.out("apply --yes", 0);
    place.sql("s3", "INSERT INTO users (email) VALUES ('a'), ('a')");
    place.write(&format!("migrations/{}", UNIQUE.0), UNIQUE.1);
    place
}

#[test]
fn a_pipe_gets_a_line_per_change_of_state() {
    let place = Place::with(3, &[ONE]);
    place.write("greylag.toml", project(3, ONE_AT_A_TIME));
    let said = place.run("apply --yes");
    assert_eq!(said.code, 0, "{}", said.err);
    insta::assert_snapshot!(said.err, @r#"
    TIME rollout ROLLOUT begins: 3 shards, plan sha256:SHORT
    TIME stage 1 of 1: expand, V1
    TIME wave canary: 1 shard may start
    TIME ✓ s1 has 1 migration in SPAN  [canary 1/1]
    TIME ✓ wave canary: 1 shard done
    TIME wave small batch: 1 shard may start
    TIME ✓ s2 has 1 migration in SPAN  [small batch 1/1]
    TIME ✓ wave small batch: 1 shard done
    TIME wave fleet: 1 shard may start
    TIME ✓ s3 has 1 migration in SPAN  [fleet 1/1]
    TIME ✓ wave fleet: 1 shard done
    "#);
    insta::assert_snapshot!(said.out, @"✓ done: 3 shards changed, 3 migrations applied, SPAN");
    let again = place.run("apply --yes");
    insta::assert_snapshot!(again.out, @"✓ nothing to do: 3 shards up to date");
    assert_eq!(again.code, 0);
}

#[test]
fn without_a_terminal_and_without_yes_it_is_usage_and_touches_nothing() {
    let place = Place::with(2, &[ONE]);
    insta::assert_snapshot!(place.err("apply", 2), @r#"
    error: there is no terminal to ask on
      hint: look at it with `greylag plan`, then `greylag apply --yes`
    "#);
    assert_eq!(place.json("status --output json", 0)["fleet"]["pending"], 2);
}

#[test]
fn a_failure_says_where_what_and_the_three_ways_on() {
    let place = odd_third();
    let said = place.run("apply --yes");
    assert_eq!(said.code, 3, "{}", said.err);
    insta::assert_snapshot!(said.out, @r#"
    ✗ stopped, and the fleet is split
      changed         2  s1, s2
      not changed     2  s4, s5
      failed          1  s3

    s3 failed in V2
      at migrations/V2__one_user_per_email.sql:2:1 (statement 1)
        | CREATE UNIQUE INDEX users_email
      data [2067]: UNIQUE constraint failed: users.email
      everything it did was rolled back
      hint: Rows of this shard do not satisfy the constraint: mend them there, or change the migration.

    ways on
      mend the data on s3:  greylag rollout retry s3 && greylag apply
      edit the file:  change V2, then greylag repair V2 --reason … && greylag apply  (2 shards have it already)
      leave it out:  greylag rollout skip s3 --reason … && greylag apply
    "#);
    assert!(said.err.contains("✗ s3 failed in V2"), "{}", said.err);
}

#[test]
fn mending_the_data_and_retrying_leads_home() {
    let place = odd_third();
    place.out("apply --yes", 3);
    place.sql("s3", "DELETE FROM users WHERE id = 2");
    insta::assert_snapshot!(place.out("rollout retry s3", 0), @"✓ may be tried again: `s3`");
    let lines = place.lines("apply --yes --output ndjson", 0);
    let applied: Vec<_> = lines
        .iter()
        .filter(|line| line["type"] == "migration_applied")
        .map(|line| line["shard"].as_str().unwrap())
        .collect();
    assert_eq!(applied.len(), 3, "only what is left: {applied:?}");
    assert_eq!(place.json("status --output json", 0)["versions"]["2"], 5);
}

#[test]
fn skipping_the_shard_leads_home_and_leaves_it_pending() {
    let place = odd_third();
    place.out("apply --yes", 3);
    place.out("rollout skip s3 --reason \"mended tomorrow\"", 0);
    place.out("apply --yes", 0);
    let status = place.json("status --output json", 5);
    assert_eq!(status["versions"]["2"], 4, "{status}");
    assert_eq!(status["versions"]["1"], 1);
}

#[test]
fn every_line_of_ndjson_is_an_event_and_the_last_one_a_summary() {
    let place = odd_third();
    let lines = place.lines("apply --yes --output ndjson", 3);
    assert!(lines.iter().all(|line| line["type"].is_string()));
    let last = lines.last().unwrap();
    assert_eq!(last["type"], "summary");
    assert_eq!(last["verdict"], "split");
    assert_eq!(last["exit_code"], 3);
    assert_eq!(last["failed"]["s3"]["class"], "data");
    assert_eq!(last["failed"]["s3"]["place"]["line"], 2);
    let types: Vec<_> = lines
        .iter()
        .map(|line| line["type"].as_str().unwrap())
        .collect();
    for wanted in [
        "taken",
        "rollout_started",
        "gate_answered",
        "shard_started",
        "migration_applied",
        "shard_ended",
    ] {
        assert!(types.contains(&wanted), "{wanted} is missing: {types:?}");
    }
}

#[test]
fn a_mistake_before_any_event_still_ends_in_a_summary() {
    let place = Place::with(1, &[("V1__a.sql", "-- greylag:fase expand\nSELECT 1;")]);
    let lines = place.lines("apply --yes --output ndjson", 2);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(lines[0]["type"], "error");
    assert_eq!(lines[1]["type"], "summary");
    assert_eq!(lines[1]["verdict"], "nothing_changed");
}

#[test]
fn a_dry_run_writes_nothing_anywhere() {
    let place = Place::with(2, &[ONE]);
    place.sql("s1", "VACUUM");
    place.sql("s2", "VACUUM");
    let said = place.run("apply --dry-run");
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.err.contains("nothing was written"), "{}", said.err);
    assert!(!place.path(".greylag").exists());
    assert_eq!(place.ask("s1", "SELECT count(*) FROM sqlite_schema"), 0);
}

#[test]
fn looking_makes_no_shard_that_is_not_there_yet() {
    let place = Place::with(2, &[ONE]);
    for line in ["plan", "status", "apply --dry-run", "doctor"] {
        let said = place.run(line);
        assert_eq!(said.code, 0, "{line}: {}{}", said.out, said.err);
        let made = std::fs::read_dir(place.path("shards")).unwrap().count();
        assert_eq!(made, 0, "`{line}` made a file");
    }
    place.out("apply --yes", 0);
    assert_eq!(place.ask("s2", "SELECT count(*) FROM users"), 0);
}

#[test]
fn a_saved_plan_is_carried_out_while_it_is_true() {
    let place = Place::with(2, &[ONE]);
    place.out("plan -o plan.json", 0);
    place.out("apply plan.json --yes", 0);

    let stale = Place::with(2, &[ONE]);
    stale.out("plan -o plan.json", 0);
    stale.write("migrations/V2__more.sql", "CREATE TABLE more (x);");
    insta::assert_snapshot!(stale.err("apply plan.json --yes", 6), @r#"
    error: the plan is no longer true: V2 is pending now and not in it
      hint: Make the plan again with `greylag plan`, and read what changed.
    "#);
    assert_eq!(stale.json("status --output json", 0)["fleet"]["pending"], 2);

    stale.write("plan.json", "{}");
    let err = stale.err("apply plan.json --yes", 2);
    assert!(err.contains("plan.json is no plan"), "{err}");
}

#[test]
fn an_approval_ends_the_run_with_four_until_it_is_given() {
    let place = Place::with(3, &[ONE]);
    place.write(
        "greylag.toml",
        project(3, "[[rollout.wave]]\nname = \"canary\"\ncount = 1\n[[rollout.wave]]\nname = \"fleet\"\napproval = true\n"),
    );
    insta::assert_snapshot!(place.out("apply --yes", 4), @r#"
    waiting, after SPAN
      for an approval of sha256:SHORT
      changed         1  s1
      not changed     2  s2, s3
      approve it:  greylag rollout approve --digest sha256:DIGEST && greylag apply
    "#);
    place.out("rollout approve", 0);
    place.out("apply --yes", 0);
    assert_eq!(
        place.json("status --output json", 0)["fleet"]["up_to_date"],
        3
    );
}

#[test]
fn an_approved_digest_needs_no_second_word() {
    let place = Place::with(3, &[ONE]);
    place.write(
        "greylag.toml",
        project(3, "[[rollout.wave]]\nname = \"fleet\"\napproval = true\n"),
    );
    let digest = std::process::Command::new(assert_cmd::cargo::cargo_bin("greylag"))
        .current_dir(place.folder.path())
        .args(["plan", "--output", "json"])
        .output()
        .unwrap();
    let plan: serde_json::Value = serde_json::from_slice(&digest.stdout).unwrap();
    let digest = plan["digest"].as_str().unwrap();
    place.out(&format!("apply --yes --approved-digest {digest}"), 0);
}

#[test]
fn a_changed_file_that_some_shard_has_is_refused_with_both_checksums() {
    let place = odd_third();
    place.out("apply --yes", 3);
    place.write(
        &format!("migrations/{}", UNIQUE.0),
        "CREATE INDEX users_email ON users (email);\n",
    );
    let said = place.run("apply --yes");
    assert_eq!(said.code, 6, "{}", said.err);
    insta::assert_snapshot!(said.err, @r#"
    error: applied migrations have changed on disk:
      V2: checksum -1954587135 on s1, s2, -1792182921 on disk
    three ways on:
      1. put the file back as it was, mend the data where it fails, and `greylag rollout retry`
      2. keep the edit and `greylag repair V2 --reason …`: these shards take the new checksum, both are recorded
      3. put the file back, `greylag rollout skip SHARD --reason …`, and write the change as the next version
    "#);
}

#[test]
fn what_is_held_ends_a_run_with_4_where_asked() {
    let contract = "-- greylag:phase contract\n-- greylag:change less\nDROP TABLE a;";
    let files = [
        ("V1__a.sql", "CREATE TABLE a (x);"),
        ("V2__less.sql", contract),
    ];
    let place = Place::with(2, &files);
    place.out("plan --fail-on-held", 4);
    place.out("apply --yes --dry-run --fail-on-held", 4);
    let said = place.run("apply --yes --fail-on-held");
    assert_eq!(said.code, 4, "{}", said.err);
    assert!(said.out.contains("done: 2 shards changed"), "{}", said.out);
    assert!(said.err.contains("--fail-on-held"), "{}", said.err);
    let lines = place.lines("apply --yes --fail-on-held --output ndjson", 4);
    let summary = lines.last().unwrap();
    assert_eq!(
        (&summary["verdict"], &summary["exit_code"]),
        (&"done".into(), &4.into())
    );
    // Not asked, it is listed and no more.
    place.out("apply --yes", 0);
    // What failed is worse than what is held.
    place.write(
        "migrations/V3__b.sql",
        "-- greylag:change more\nCREATE TABLE nope;",
    );
    assert_ne!(place.run("apply --yes --fail-on-held").code, 4);
}
