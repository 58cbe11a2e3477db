use crate::place::{Place, project};

fn waiting() -> Place {
    let place = Place::with(3, &[("V1__a.sql", "CREATE TABLE a (x);")]);
    place.write(
        "greylag.toml",
        project(3, "[[rollout.wave]]\nname = \"canary\"\ncount = 1\n[[rollout.wave]]\nname = \"fleet\"\napproval = true\n"),
    );
    place.out("apply --yes", 4);
    place
}

#[test]
fn rollouts_are_listed_and_shown() {
    let place = waiting();
    insta::assert_snapshot!(place.out("rollout list", 0), @"ROLLOUT  WHEN  unfinished  sha256:SHORT");
    insta::assert_snapshot!(place.out("rollout show", 0), @r#"
    rollout ROLLOUT, plan sha256:DIGEST
    begun WHEN, unfinished: 1 of 3 shards done
      canary           1/1
      fleet            0/2
    "#);
    let document = place.json("rollout show --output json", 0);
    assert_eq!(document["schema"], "greylag.rollout/v1");
    assert_eq!(document["events"][0]["type"], "rollout_started");
    let rows = place.json("rollout list --output json", 0);
    assert_eq!(rows["rollouts"].as_array().unwrap().len(), 1);
    insta::assert_snapshot!(place.out("rollout show --events", 0), @r#"
    rollout ROLLOUT, plan sha256:DIGEST
    begun WHEN, unfinished: 1 of 3 shards done
      canary           1/1
      fleet            0/2

        1  WHEN  rollout started
        2  WHEN  stage 1 of 1: expand, V1
                     wave canary: 1 shard may start
        3  WHEN  s1: shard started
        4  WHEN    s1: V1 applied in SPAN
        5  WHEN  ✓ s1 has 1 migration in SPAN  [canary 1/1]
                     ✓ wave canary: 1 shard done
    "#);
}

#[test]
fn pause_halts_the_next_apply_until_resume() {
    let place = waiting();
    insta::assert_snapshot!(place.out("rollout pause --reason \"checkout is slow\"", 0), @"✓ paused: nothing new starts");
    place.out("rollout approve", 0);
    insta::assert_snapshot!(place.out("apply --yes", 4), @r#"
    waiting, after SPAN
      paused by ann@HOST: checkout is slow
      changed         1  s1
      not changed     2  s2, s3
      let it go on:  greylag rollout resume && greylag apply
    "#);
    place.out("rollout resume", 0);
    place.out("apply --yes", 0);
}

#[test]
fn a_rollout_is_halted_while_the_catalog_is_down() {
    let place = waiting();
    let more = "\n[[discover]]\nname = \"catalog\"\nkind = \"command\"\ncommand = [\"false\"]\n";
    let text = place.read("greylag.toml");
    place.write("greylag.toml", text.clone() + more);
    assert_eq!(place.run("plan").code, 1);
    place.out("rollout pause", 0);
    place.out("rollout show", 0);
    place.write("greylag.toml", text);
    place.out("rollout resume", 0);
    place.out("rollout approve", 0);
    place.out("apply --yes", 0);
}

#[test]
fn abort_asks_first_and_ends_it() {
    let place = waiting();
    insta::assert_snapshot!(place.err("rollout abort", 2), @r#"
    error: there is no terminal to ask on
      hint: `greylag rollout abort --yes` ends the rollout; `pause` only halts it
    "#);
    insta::assert_snapshot!(place.out("rollout abort --yes --reason \"wrong week\"", 0), @"✓ aborted: nothing was in flight, and what is applied stays");
    let rows = place.json("rollout list --output json", 0);
    assert_eq!(rows["rollouts"][0]["ended"], "aborted", "{rows}");
    insta::assert_snapshot!(place.out("plan", 0), @r#"
    plan for shop (test), 3 shards in the fleet

    stage 1 of 1: new shards catch up, V1
      V1__a.sql  on 2 shards

    waves
      canary      1 shard  s2
      fleet       1 shard  s3  (after an approval)
      up to 8 at a time, 8 per host; stops at the first failed shard

    digest sha256:DIGEST
    "#);
}

#[test]
fn an_approval_of_another_digest_is_refused() {
    let place = waiting();
    let said = place.run("rollout approve --digest sha256:0000");
    assert_eq!(said.code, 6, "{}", said.err);
    insta::assert_snapshot!(said.err, @r#"
    error: the digest approved is sha256:0000, and the plan's is sha256:DIGEST
      hint: `greylag rollout show` says how it stands.
    "#);
}

#[test]
fn what_cannot_be_is_said() {
    let place = Place::with(1, &[]);
    insta::assert_snapshot!(place.err("rollout pause", 2), @r#"
    error: there is no unfinished rollout to pause
      hint: `greylag rollout list` shows those that ended; `greylag apply` begins one.
    "#);
    insta::assert_snapshot!(place.err("rollout show nope", 2), @r#"
    error: there is no rollout `nope`
      hint: `greylag rollout list` shows all.
    "#);
    insta::assert_snapshot!(place.err("rollout skip s1 --reason \" \"", 2), @r#"
    error: the reason is empty
      hint: the next person will want to know
    "#);
    insta::assert_snapshot!(place.err("rollout settle s1 V1 --reason x", 2), @r#"
    error: the following required arguments were not provided:
      <--applied|--absent>

    Usage: greylag rollout settle --reason <REASON> <--applied|--absent> <SHARD> <MIGRATION>

    For more information, try '--help'.
    "#);
    assert_eq!(place.out("rollout list", 0), "");
}

/// One shard of two has failed; somebody is half-way through the next file, or has moved the folder.
#[test]
fn a_rollout_is_steered_whatever_has_become_of_the_files() {
    for is_gone in [false, true] {
        let place = Place::with(2, &[("V1__a.sql", "CREATE TABLE a (x);")]);
        place.sql("s2", "CREATE TABLE a (x)");
        place.out("apply --yes --claim 1", 3);
        match is_gone {
            true => std::fs::rename(place.path("migrations"), place.path("moved")).unwrap(),
            false => place.write(
                "migrations/V42__half.sql",
                "-- greylag:phse expand\nALTER TAB",
            ),
        }
        assert_eq!(place.run("plan").code, 2, "there is something to mend");
        place.out("rollout pause --reason \"it is late\"", 0);
        place.out("rollout resume", 0);
        place.out("rollout retry s2", 0);
        place.out("rollout show --events", 0);
        place.out("rollout skip s2 --reason \"it is late\"", 0);
        let listed = place.json("rollout list --output json", 0);
        assert_eq!(listed["rollouts"][0]["ended"], "done", "{listed}");
    }
    let place = waiting();
    place.write(
        "migrations/V42__half.sql",
        "-- greylag:phse expand\nALTER TAB",
    );
    place.out("rollout approve", 0);
    place.out("rollout abort --yes", 0);
}
