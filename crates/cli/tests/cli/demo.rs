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

/// The replica that stops replaying holds the rollout, and nothing of the demo is left.
fn holds_for_a_replica(engine: greylag_lab::Engine) {
    if !greylag_lab::available(engine) {
        return;
    }
    let place = Place::empty();
    let said = place.run(&format!("demo --engine {}", engine.word()));
    assert_eq!(said.code, 0, "{}\n{}", said.out, said.err);
    let at = |part: &str| {
        let found = said.err.find(part);
        found.unwrap_or_else(|| panic!("`{part}` is missing in\n{}\n{}", said.out, said.err))
    };
    let waits = at("applied, not yet replayed by shard-02/replica1");
    let held = at("waiting: replica shard-02/replica1 is ");
    let resumed = at("somebody lets it replay again");
    assert!(waits < resumed && held < resumed, "{}", said.err);
    // Nothing of the wave behind it began before.
    let last = said
        .err
        .rfind("wave fleet: 1 shard may start")
        .expect("a last wave");
    assert!(resumed < last, "{}", said.err);
    assert!(
        said.out.contains("4 shards, 4 up to date; 4 replicas"),
        "{}",
        said.out
    );
    assert!(said.out.contains("8 servers ended"), "{}", said.out);
    assert!(!place.path("greylag-demo").exists());
}

#[test]
fn the_demo_on_postgres_holds_for_a_replica_and_leaves_nothing() {
    holds_for_a_replica(greylag_lab::Engine::Postgres);
}

#[test]
fn the_demo_on_mariadb_holds_for_a_replica_and_leaves_nothing() {
    holds_for_a_replica(greylag_lab::Engine::MariaDb);
}

#[test]
fn the_demo_on_mysql_holds_for_a_replica_and_leaves_nothing() {
    holds_for_a_replica(greylag_lab::Engine::MySql);
}
