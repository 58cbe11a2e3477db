use crate::place::{Place, project};

#[test]
fn the_fleet_is_listed_with_roles_and_versions() {
    let place = Place::with(2, &[("V1__a.sql", "CREATE TABLE a (x);")]);
    place.out("apply --yes", 0);
    let out = place.out("fleet", 0);
    assert!(
        out.contains("primary") && out.contains("V1") && out.contains("tier=canary"),
        "{out}"
    );
    let document = place.json("fleet list --output json", 0);
    assert_eq!(document["schema"], "greylag.fleet/v1");
    assert_eq!(document["shards"][0]["role"], "primary");
    assert_eq!(document["shards"][0]["version"], "1");
    assert!(document["shards"][0]["identity"].is_string());
    let offline = place.json("fleet list --offline --output json", 0);
    assert!(offline["shards"][0]["role"].is_null());
}

#[test]
fn one_database_under_two_names_is_a_problem_with_both_names() {
    let place = Place::with(2, &[("V1__a.sql", "CREATE TABLE a (x);")]);
    place.write(
        "greylag.toml",
        format!("{}\n[[shard]]\nname = \"twin\"\nprimary = \"sqlite:shards/../shards/s1.db?mode=rwc\"\n", project(2, "")),
    );
    place.sql("s1", "VACUUM");
    let said = place.run("fleet");
    assert_eq!(said.code, 5, "{}", said.err);
    assert!(
        said.out.contains("`s1`") && said.out.contains("`twin`"),
        "{}",
        said.out
    );
    let refused = place.run("apply --yes");
    assert_eq!(refused.code, 6, "{}", refused.err);
}

#[test]
fn a_copy_is_refused_until_it_is_rebranded() {
    let place = Place::with(2, &[("V1__a.sql", "CREATE TABLE a (x);")]);
    place.write("greylag.toml", project(1, ""));
    place.out("apply --yes", 0);
    std::fs::copy(place.path("shards/s1.db"), place.path("shards/s2.db")).unwrap();
    place.write("greylag.toml", project(2, ""));
    let said = place.run("apply --yes");
    assert_eq!(said.code, 6, "{}", said.err);
    insta::assert_snapshot!(said.err, @r#"
    error: /here/shards/s2.db says it is shard `s1`, but the project calls it `s2`
      hint: If the URL is wrong, correct it. If the database is a copy of `s1` that became `s2`, run `greylag fleet rebrand s2 --reason …`.
    "#);
    place.out("fleet rebrand s2 --reason \"copied from s1\"", 0);
    place.out("apply --yes", 0);
}

#[test]
fn a_shard_that_is_gone_is_missed_until_it_is_forgotten() {
    let place = Place::with(2, &[("V1__a.sql", "CREATE TABLE a (x);")]);
    place.out("apply --yes", 0);
    place.write("greylag.toml", project(1, ""));
    let status = place.json("status --output json", 5);
    assert_eq!(status["missing"][0]["name"], "s2");
    insta::assert_snapshot!(place.out("fleet forget s2 --reason decommissioned", 0), @"✓ s2 is expected no more");
    let status = place.json("status --output json", 0);
    assert_eq!(status["missing"], serde_json::json!([]));
    insta::assert_snapshot!(place.err("fleet forget s9 --reason x", 2), @"error: `s9` was never seen, so that there is nothing to forget");
    assert_eq!(place.run("fleet forget s2").code, 2);
}

#[test]
fn a_node_without_a_name_is_nobody() {
    let place = Place::with(1, &[("V1__a.sql", "CREATE TABLE a (x);")]);
    place.out("apply --yes", 0);
    for name in ["s1/", "/", "/r1", "s1/ "] {
        let said = place.err(&format!("fleet forget \"{name}\" --reason x"), 2);
        assert!(!said.contains("never seen"), "{name}: {said}");
    }
    insta::assert_snapshot!(place.err("fleet forget s1/ --reason x", 2), @r#"
    error: `s1/` names no node of shard `s1`: there is nothing behind the slash
      hint: `greylag fleet` shows the nodes; `greylag fleet forget s1 --reason …` forgets the shard
    "#);
}
