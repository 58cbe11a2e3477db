//! A `verify` query that said no holds its rollout, whatever becomes of the files meanwhile.

use crate::place::{Place, project};

const ONE: (&str, &str) = ("V1__a.sql", "CREATE TABLE a (x);");
const TWO: (&str, &str) = (
    "V2__b.sql",
    "-- greylag:verify SELECT count(*) = 1 FROM a\nCREATE TABLE b (x);",
);
const VIEW: &str = "R__v.sql";

/// V2 is on s1, where its verify query said no; the view, which comes after it, was edited since.
fn edited() -> Place {
    edited_with("", "s2")
}

/// … on the first shard on which it would not say yes.
fn edited_with(settings: &str, says_yes: &str) -> Place {
    let place = Place::with(2, &[ONE]);
    let one_by_one = format!("[rollout]\nmax-in-flight = 1\n{settings}");
    place.write("greylag.toml", project(2, &one_by_one));
    place.out("apply --yes", 0);
    place.sql(says_yes, "INSERT INTO a VALUES (1)");
    place.write(&format!("migrations/{}", TWO.0), TWO.1);
    view(&place, "SELECT 1 AS one");
    place.out("apply --yes", 3);
    view(&place, "SELECT 2 AS two");
    place
}

fn view(place: &Place, body: &str) {
    let text = format!("DROP VIEW IF EXISTS v;\nCREATE VIEW v AS {body};");
    place.write(&format!("migrations/{VIEW}"), text);
}

fn has(place: &Place, shard: &str, name: &str) -> bool {
    let sql = format!("SELECT count(*) FROM sqlite_schema WHERE name = '{name}'");
    place.ask(shard, &sql) == 1
}

#[track_caller]
fn is_held(place: &Place) -> String {
    let out = place.out("apply --yes", 3);
    assert!(!has(place, "s2", "b"), "the next shard was touched");
    assert!(!has(place, "s1", "v"), "the next stage was begun");
    let status = place.json("status --output json", 5);
    assert_eq!(status["rollout"]["failed"], serde_json::json!(["s1"]));
    out
}

#[test]
fn it_is_told_and_holds_until_it_says_yes_though_a_later_file_was_edited() {
    let place = edited();
    let plan = place.out("plan", 0);
    assert!(
        plan.contains("first it is settled what became of s1"),
        "{plan}"
    );
    insta::assert_snapshot!(is_held(&place), @r#"
    ✗ stopped, and the fleet is split
      files have changed since it was planned; it is planned anew once what failed on s1 is verified (`greylag rollout retry s1` asks again), or left out (`greylag rollout skip s1 --reason …`)
      changed         1  s1
      not changed     1  s2
      failed          1  s1

    s1 failed in V2
      verification: V2 is applied, but its verify query says `0`: SELECT count(*) = 1 FROM a
      the migration is applied, and stands
      hint: Mend the data, then `greylag rollout retry s1`: the query is asked again, the migration is not run again.

    ways on
      mend the data on s1:  greylag rollout retry s1 && greylag apply
      leave it out:  greylag rollout skip s1 --reason … && greylag apply
    "#);
    // Asked again, and still no.
    place.out("rollout retry s1", 0);
    is_held(&place);
    place.sql("s1", "INSERT INTO a VALUES (1)");
    place.out("rollout retry s1", 0);
    place.out("apply --yes", 0);
    for shard in ["s1", "s2"] {
        assert!(
            has(&place, shard, "b") && has(&place, shard, "v"),
            "{shard}"
        );
    }
    let rollouts = place.json("rollout list --output json", 0);
    assert_eq!(rollouts["rollouts"][1]["ended"], "superseded", "{rollouts}");
}

/// Whatever else stops the rollout: a query changes nothing.
#[test]
fn it_is_asked_again_though_the_rollout_is_paused_and_a_later_file_was_edited() {
    let place = edited();
    place.sql("s1", "INSERT INTO a VALUES (1)");
    place.out("rollout retry s1", 0);
    place.out("rollout pause --reason \"the night\"", 0);
    is_held_by_the_pause(&place, "s2");
    let rollout = &place.json("status --output json", 0)["rollout"];
    assert_eq!(rollout["failed"], serde_json::json!([]), "{rollout}");
    // It said yes: nobody asks again.
    place.sql("s1", "DELETE FROM a");
    place.out("rollout resume", 0);
    place.out("apply --yes", 0);
    for shard in ["s1", "s2"] {
        assert!(
            has(&place, shard, "b") && has(&place, shard, "v"),
            "{shard}"
        );
    }
}

/// What was edited under a pause is planned anew after it.
#[test]
fn an_edited_file_leads_nobody_past_a_pause() {
    let place = Place::with(2, &[ONE]);
    let waves = "[[rollout.wave]]\nname = \"first\"\ncount = 1\n[[rollout.wave]]\nname = \"rest\"\napproval = true\n";
    place.write("greylag.toml", project(2, waves));
    view(&place, "SELECT 1 AS one");
    let digest = |place: &Place| {
        place.out("plan -o saved.json", 0);
        let plan: serde_json::Value = serde_json::from_str(&place.read("saved.json")).unwrap();
        plan["digest"].as_str().unwrap().to_owned()
    };
    let waits = place.out("apply --yes", 4);
    assert!(waits.contains("approve"), "{waits}");
    place.out("rollout pause --reason \"the night\"", 0);
    place.write(
        "migrations/V1__a.sql",
        format!("{} CREATE TABLE more (x);", ONE.1),
    );
    place.out("apply --yes", 6);
    place.write("migrations/V1__a.sql", ONE.1);
    view(&place, "SELECT 2 AS two");
    let plan = place.out("plan", 0);
    assert!(
        plan.contains("it is paused: this plan takes its place once `greylag rollout resume`"),
        "{plan}"
    );
    is_held_by_the_pause(&place, "s2");
    // Nor does a yes to the plan that is to come.
    let approved = format!("apply --yes --approved-digest {}", digest(&place));
    place.out(&approved, 4);
    assert!(!has(&place, "s2", "a"));
    let rollouts = place.json("rollout list --output json", 0);
    assert_eq!(
        rollouts["rollouts"].as_array().unwrap().len(),
        1,
        "{rollouts}"
    );
    place.out("rollout resume", 0);
    place.out(&approved, 0);
    for shard in ["s1", "s2"] {
        assert!(
            has(&place, shard, "a") && has(&place, shard, "v"),
            "{shard}"
        );
    }
}

/// Tried twice, and the second time as the first.
#[track_caller]
fn is_held_by_the_pause(place: &Place, untouched: &str) {
    for _ in 0..2 {
        let out = place.out("apply --yes", 4);
        assert!(out.contains("the night"), "{out}");
        assert!(out.contains("greylag rollout resume"), "{out}");
        assert!(!has(place, untouched, "b"), "the next shard was touched");
        assert!(!has(place, untouched, "v"), "the next shard was touched");
    }
}

#[test]
fn a_person_may_leave_it_at_that() {
    let place = edited();
    place.out("rollout skip s1 --reason \"a row is too many there\"", 0);
    place.out("apply --yes", 0);
    for shard in ["s1", "s2"] {
        assert!(
            has(&place, shard, "b") && has(&place, shard, "v"),
            "{shard}"
        );
    }
}

/// What is to be asked again has not failed: nobody is sent to retry it.
#[test]
fn a_query_that_can_t_be_asked_now_is_left_to_the_next_run_and_it_is_said_why() {
    let lock = "[lock]\ntimeout = \"100ms\"\ndeadline = \"300ms\"\n";
    let place = edited_with(lock, "s1");
    let out = place.out("apply --yes", 3);
    assert!(
        out.contains("`greylag rollout retry s2` asks again"),
        "{out}"
    );
    place.sql("s2", "INSERT INTO a VALUES (1)");
    place.out("rollout retry s2", 0);
    let held = rusqlite::Connection::open(place.path("shards/s2.db.greylag-lock")).unwrap();
    held.execute_batch("BEGIN IMMEDIATE").unwrap();
    let out = place.out("apply --yes", 3);
    assert!(!out.contains("rollout retry"), "{out}");
    assert!(out.contains("the shard's lock is held"), "{out}");
    assert!(out.contains("the next `greylag apply` asks"), "{out}");
    let why = place.err("rollout retry s2", 6);
    assert!(why.contains("has not failed"), "{why}");
    drop(held);
    let out = place.out("apply --yes --only s1", 4);
    assert!(out.contains("it is left out of this run"), "{out}");
    place.out("apply --yes", 0);
    for shard in ["s1", "s2"] {
        assert!(
            has(&place, shard, "b") && has(&place, shard, "v"),
            "{shard}"
        );
    }
}
