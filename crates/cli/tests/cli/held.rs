//! What is held that somebody must mend: no run that leaves it behind may be taken for done.

use crate::place::{Place, project};

const V1: (&str, &str) = ("V1__a.sql", "CREATE TABLE a (x);");
const V5: (&str, &str) = ("V5__b.sql", "CREATE TABLE b (x);");

/// Two shards with V1 and V5.
fn applied() -> Place {
    let place = Place::with(2, &[V1, V5]);
    place.out("apply --yes", 0);
    place
}

#[test]
fn a_version_merged_below_an_applied_one_ends_with_five_and_is_told() {
    let place = applied();
    place.write("migrations/V3__late.sql", "CREATE TABLE late (x);");
    insta::assert_snapshot!(place.out("apply --yes", 5), @r#"
    nothing was applied: what is pending is below what is applied

    held
      V3: it is below V5, which is applied already; `out-of-order = true` in [rollout] lets it in
    "#);
    // As `apply` has it.
    let status = place.json("status --output json", 5);
    assert_eq!(status["fleet"]["pending"], 2, "{status}");
    assert_eq!(status["shards"][0]["holes"][0], "V3", "{status}");
    assert_eq!(status["shards"][0]["out_of_order"][0], "V3", "{status}");
    insta::assert_snapshot!(place.out("status", 5), @r#"
    shop (test): 2 shards, 0 up to date, 2 pending
                V5      2  ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━
    rollout ROLLOUT: done, 2 shards done

     SHARD  VERSION  PENDING  STATE
     s1     V5       V3       held
     s2     V5       V3       held

    s1, s2: V3 is held, below what is applied; give it a higher version, or `out-of-order = true` in [rollout] lets it in
    "#);
    place.out("status --at-least 1", 0);
    let plan = place.json("plan --output json", 0);
    assert_eq!(plan["held"][0]["reasons"][0]["hold"], "out_of_order");
    let lines = place.lines("apply --yes --output ndjson", 5);
    let summary = lines.last().expect("a summary");
    assert_eq!(summary["exit_code"], 5);
    assert_eq!(summary["shards"]["held"], 2, "{summary}");
    assert_eq!(summary["shards"]["up_to_date"], 0, "{summary}");
    place.err("plan --fail-on-held", 4);
}

#[test]
fn what_may_go_below_an_applied_version_is_merely_pending() {
    let place = applied();
    place.write("migrations/V3__late.sql", "CREATE TABLE late (x);");
    place.write(
        "greylag.toml",
        project(2, "[rollout]\nout-of-order = true\n"),
    );
    let status = place.json("status --output json", 0);
    assert_eq!(status["shards"][0]["holes"][0], "V3", "{status}");
    assert_eq!(status["shards"][0]["out_of_order"], serde_json::json!([]));
    place.out("apply --yes", 0);
    place.out("status", 0);
}

#[test]
fn what_else_is_pending_goes_out_and_the_run_still_ends_with_five() {
    let place = applied();
    place.write("migrations/V3__late.sql", "CREATE TABLE late (x);");
    place.write(
        "migrations/V6__c.sql",
        "-- greylag:change c\nCREATE TABLE c (x);",
    );
    let out = place.out("apply --yes", 5);
    assert!(out.contains("done in part") && !out.contains('✓'), "{out}");
    assert_eq!(
        place.ask("s2", "SELECT count(*) FROM sqlite_schema WHERE name = 'c'"),
        1
    );
}

#[test]
fn a_failure_that_is_still_in_the_history_ends_with_five_until_it_is_repaired() {
    let place = applied();
    place.sql(
        "s2",
        "INSERT INTO greylag_schema_history (installed_rank, version, description, type, script, checksum, installed_by, execution_time, success) \
         VALUES (9, '6', 'c', 'SQL', 'V6__c.sql', 1, 'flyway', 0, 0)",
    );
    place.write("migrations/V6__c.sql", "CREATE TABLE c (x);");
    insta::assert_snapshot!(place.out("apply --yes", 5), @r#"
    done in part: 1 shard changed, 1 migration applied, SPAN; what is held is left

    held
      s2: V6 failed before and is still in its history; mend what it left, then `greylag repair V6 --reason …`
    "#);
    assert_eq!(
        place.ask("s1", "SELECT count(*) FROM sqlite_schema WHERE name = 'c'"),
        1
    );
    let lines = place.lines("apply --yes --output ndjson", 5);
    let summary = lines.last().expect("a summary");
    assert_eq!(
        (&summary["shards"]["held"], &summary["shards"]["up_to_date"]),
        (&1.into(), &1.into()),
        "{summary}"
    );
    let status = place.out("status", 5);
    assert!(status.contains("failed in V6"), "{status}");
    assert!(
        status.contains("`greylag repair V6 --reason …` removes it"),
        "{status}"
    );
    place.out("repair --reason \"it left nothing\" --yes", 0);
    place.out("apply --yes", 0);
    assert_eq!(
        place.ask("s2", "SELECT count(*) FROM sqlite_schema WHERE name = 'c'"),
        1
    );
}

#[test]
fn a_file_that_is_gone_ends_with_five_while_it_holds_something() {
    let place = applied();
    std::fs::remove_file(place.path("migrations/V1__a.sql")).unwrap();
    let nothing_pending = place.out("apply --yes", 0);
    assert!(
        nothing_pending.contains("2 shards up to date"),
        "{nothing_pending}"
    );
    place.write("migrations/V6__c.sql", "CREATE TABLE c (x);");
    insta::assert_snapshot!(place.out("apply --yes", 5), @r#"
    nothing was applied: files of applied migrations are gone

    held
      s1, s2: V1 is applied there, and its file is gone; put it back, or `greylag repair V1 --reason …` takes it back
    "#);
    let status = place.out("status", 5);
    assert!(
        status.contains(
            "V1 is applied, and its file is gone; `greylag repair V1 --reason …` takes it back"
        ),
        "{status}"
    );
    place.write("migrations/V1__a.sql", V1.1);
    place.out("apply --yes", 0);
}

#[test]
fn what_nobody_asked_for_now_holds_nothing_up() {
    let place = applied();
    place.write("migrations/V3__late.sql", "CREATE TABLE late (x);");
    place.write("migrations/V9__far.sql", "CREATE TABLE far (x);");
    place.out("apply --yes --to 5 --output json", 5);
    std::fs::remove_file(place.path("migrations/V3__late.sql")).unwrap();
    let out = place.out("apply --yes --to 5", 0);
    assert!(out.contains("2 shards up to date"), "{out}");
    place.write("greylag.toml", project(2, ""));
    // Left out on purpose, and pending there.
    place.out("apply --yes --only s1", 0);
}

const DROPS: &str = "ALTER TABLE b DROP COLUMN x;";

#[test]
fn what_the_lint_holds_is_told_by_status_as_by_apply_and_ends_with_five() {
    let place = Place::with(
        2,
        &[
            V1,
            ("V2__b.sql", "CREATE TABLE b (y, x); CREATE TABLE c (x);"),
        ],
    );
    place.out("apply --yes", 0);
    place.write("migrations/V3__drops.sql", DROPS);
    place.write("migrations/V4__behind.sql", "CREATE TABLE d (x);");
    let apply = place.out("apply --yes", 5);
    let why = apply
        .lines()
        .find(|line| line.contains("V3: the lint finds"));
    let why = why.expect(&apply).trim().replace("V3: ", "V3 is held: ");
    insta::assert_snapshot!(place.out("status", 5), @r#"
    shop (test): 2 shards, 0 up to date, 2 pending
                V2      2  ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━
    rollout ROLLOUT: done, 2 shards done

     SHARD  VERSION  PENDING      STATE
     s1     V2       V3 … V4 (2)  held
     s2     V2       V3 … V4 (2)  held

    V3 is held: the lint finds errors in it (expand-drops); `greylag lint` shows them, `-- greylag:allow RULE because REASON` lets one pass
    V4 is held: it is behind V3, which is held; tag it with a change (`-- greylag:change NAME`) to let it pass
    "#);
    assert!(place.out("status", 5).contains(&why), "{why}");

    let status = place.json("status --output json", 5);
    let plan = place.json("plan --output json", 0);
    assert_eq!(status["held"], plan["held"], "as the plan has it");
    assert_eq!(status["held"][0]["reasons"][0]["hold"], "lint");
    assert_eq!(status["unreviewed"], serde_json::json!([]));
    for shard in status["shards"].as_array().unwrap() {
        assert_eq!(shard["held"], serde_json::json!(["V3", "V4"]));
    }
    // Whoever waits for V2 has it; whoever waits for V4 is told why it doesn't come.
    place.out("status --at-least 2", 0);
    let waits = place.run("status --at-least 4 --wait 3s");
    assert_eq!(waits.code, 4, "{waits:?}");
    assert!(waits.err.contains(&why), "{waits:?}");

    // Allowed, or told only, it is merely pending.
    let allowed = format!("-- greylag:allow expand-drops because nobody reads x\n{DROPS}");
    place.write("migrations/V3__drops.sql", allowed);
    let status = place.json("status --output json", 0);
    assert_eq!(status["held"], serde_json::json!([]));
    place.out("apply --yes", 0);
}

#[test]
fn where_the_lint_goes_by_sizes_status_says_that_nobody_has_looked() {
    let place = Place::with(2, &[V1, ("V2__b.sql", "CREATE TABLE b (y, x);")]);
    place.out("apply --yes", 0);
    place.write("migrations/V3__drops.sql", DROPS);
    place.write("greylag.toml", project(2, "[lint]\nfleet = true\n"));
    let status = place.json("status --output json", 0);
    assert_eq!(status["unreviewed"], serde_json::json!(["V3"]));
    assert_eq!(status["held"], serde_json::json!([]));
    let page = place.out("status", 0);
    assert!(
        page.contains("whether the lint holds V3 hangs on sizes"),
        "{page}"
    );
    place.out("apply --yes", 5);
}

#[test]
fn what_a_rollout_under_way_is_to_give_was_reviewed_with_its_plan() {
    let place = Place::with(2, &[V1, ("V2__b.sql", "CREATE TABLE b (y, x);")]);
    place.out("apply --yes", 0);
    place.write("migrations/V3__drops.sql", DROPS);
    let waves = "[[rollout.wave]]\nname = \"all\"\napproval = true\n";
    let lax = format!("[rollout]\n{waves}[lint]\nseverity = {{ expand-drops = \"warning\" }}\n");
    place.write("greylag.toml", project(2, &lax));
    place.out("apply --yes", 4);
    // The next plan would hold it; this one does not.
    place.write("greylag.toml", project(2, &format!("[rollout]\n{waves}")));
    let status = place.json("status --output json", 0);
    assert_eq!(status["held"], serde_json::json!([]), "{status:#}");
    place.out("rollout approve", 0);
    place.out("apply --yes", 0);
    place.out("status", 0);
}

#[test]
fn what_was_edited_since_its_rollout_began_is_held_as_apply_will_hold_it() {
    let place = Place::with(2, &[V1, ("V2__b.sql", "CREATE TABLE b (y, x);")]);
    place.out("apply --yes", 0);
    place.write("migrations/V3__more.sql", "ALTER TABLE b ADD COLUMN z;");
    place.write("migrations/V4__last.sql", "CREATE TABLE d (x);");
    let waves = "[rollout]\n[[rollout.wave]]\nname = \"all\"\napproval = true\n";
    place.write("greylag.toml", project(2, waves));
    place.out("apply --yes", 4);
    place.out("status", 0);
    place.write("migrations/V3__more.sql", DROPS);
    let status = place.json("status --output json", 5);
    assert_eq!(status["shards"][0]["held"], serde_json::json!(["V3", "V4"]));
    place.out("apply --yes", 5);
}
