use crate::place::Place;

#[test]
fn the_demo_tells_its_story_to_a_pipe_and_leaves_a_fleet_that_is_done() {
    let place = Place::empty();
    let said = place.run("demo");
    assert_eq!(said.code, 0, "{}\n{}", said.out, said.err);
    for part in [
        "A fleet of 24 shards",
        "stopped, and the fleet is split",
        "shop-17 failed in V4",
        "UNIQUE constraint failed: customers.email",
        "ways on",
        "greylag rollout retry shop-17",
        "24 shards, 24 up to date",
        "What to try next",
    ] {
        assert!(
            said.out.contains(part),
            "`{part}` is missing in\n{}",
            said.out
        );
    }
    let status = place.json("status --config greylag-demo/greylag.toml --output json", 0);
    assert_eq!(status["versions"]["4"], 24, "{status}");
    assert_eq!(status["rollout"]["state"], "done");

    let again = place.run("demo");
    assert_eq!(again.code, 0, "{}", again.err);
    assert!(
        again.out.contains("greylag-demo-2 holds a project"),
        "{}",
        again.out
    );
}

#[test]
fn a_folder_that_is_there_is_left_alone() {
    let place = Place::empty();
    place.write("mine/file", "x");
    insta::assert_snapshot!(place.err("demo mine", 2), @r#"
    error: mine is there already
      hint: name a folder that isn't, or leave it out
    "#);
    insta::assert_snapshot!(place.err("demo --output json", 2), @r#"
    error: the demo is told to people
      hint: leave --output out; `greylag apply --output ndjson` is for programs
    "#);
}
