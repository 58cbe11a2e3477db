use crate::place::Place;

#[test]
fn a_project_is_started_and_its_file_is_right() {
    let place = Place::empty();
    let said = place.run("init orders --engine sqlite");
    assert_eq!(said.code, 0, "{}", said.err);
    insta::assert_snapshot!(said.out, @"Project `orders` begins in orders/greylag.toml.");
    insta::assert_snapshot!(said.err, @r#"
    Next:
      1. look at the shards in orders/greylag.toml
      2. cd orders && greylag new "create orders"
      3. greylag plan
      4. greylag apply
    "#);
    insta::assert_snapshot!(place.read("orders/greylag.toml"), @r#"
    project = "orders"
    environment = "development"            # written on each shard; another one is refused
    migrations = "migrations"

    [[shard]]
    name = "shard-1"
    primary = "sqlite:shards/shard-1.db?mode=rwc"
    labels = { tier = "canary" }

    [[shard]]
    name = "shard-2"
    primary = "sqlite:shards/shard-2.db?mode=rwc"

    # Shards can be found, too: in a file, a catalog, a folder, the databases of a server.
    # [[discover]]
    # kind = "file"
    # path = "shards.csv"                    # name,primary,host,region,…

    [rollout]
    max-in-flight = 8                        # shards at a time
    max-per-host = 2
    failure-budget = 0                       # failed shards tolerated: a number or "2%"

    [[rollout.wave]]
    name = "canary"
    select = "tier=canary"
    count = 1
    soak = "0s"                              # how long to look at it before the next wave
    [[rollout.wave]]
    name = "fleet"                           # what is left
    "#);
    let planned = place.run("plan --config orders/greylag.toml");
    assert_eq!(planned.code, 0, "{}", planned.err);
}

#[test]
fn each_engine_gets_a_file_that_reads() {
    for engine in ["postgres", "mysql", "mariadb"] {
        let place = Place::empty();
        place.out(
            &format!("init --engine {engine} --project \"my \\shop\""),
            0,
        );
        let found = place.json("fleet list --offline --output json", 0);
        assert_eq!(found["shards"][0]["engine"], engine);
    }
}

#[test]
fn what_is_there_is_not_overwritten() {
    let place = Place::empty();
    place.write("greylag.toml", "project = \"mine\"\n");
    insta::assert_snapshot!(place.err("init", 2), @r#"
    error: greylag.toml is there already
      hint: edit it, or name another folder: `greylag init FOLDER`
    "#);
    assert_eq!(place.read("greylag.toml"), "project = \"mine\"\n");
}
