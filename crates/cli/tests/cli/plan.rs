use crate::place::{Place, project};

const TWO: [(&str, &str); 2] = [
    (
        "V1__create_orders.sql",
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, price INTEGER);",
    ),
    (
        "V2__add_total.sql",
        "-- greylag:change totals\nALTER TABLE orders ADD COLUMN total INTEGER;",
    ),
];

#[test]
fn a_plan_shows_stages_waves_and_digest() {
    let place = Place::with(12, &TWO);
    place.write(
        "greylag.toml",
        project(12, "[rollout]\nmax-in-flight = 4\nfailure-budget = \"10%\"\n[[rollout.wave]]\nname = \"canary\"\nselect = \"tier=canary\"\ncount = 1\nsoak = \"5m\"\n[[rollout.wave]]\nname = \"small batch\"\npercent = 20\napproval = true\n"),
    );
    insta::assert_snapshot!(place.out("plan", 0), @r#"
    plan for shop (test), 12 shards in the fleet

    stage 1 of 1: expand, V1 and V2
      V1__create_orders.sql  on 12 shards
      V2__add_total.sql      on 12 shards  change totals

    waves
      canary           1 shard  s1  (then soaks 5:00 min)
      small batch     3 shards  s10, s11, s12  (after an approval)
      fleet           8 shards  s2, s3, s4, s5, s6, s7 and 2 more
      up to 4 at a time, 4 per host; stops past 1 failed shard

    digest sha256:DIGEST
    "#);
    assert!(!place.path(".greylag").exists(), "a plan writes nothing");
}

#[test]
fn the_document_names_its_schema_and_the_file_is_the_same_plan() {
    let place = Place::with(3, &TWO);
    let document = place.json("plan --output json -o plan.json", 0);
    assert_eq!(document["schema"], "greylag.plan/v1");
    assert_eq!(
        document["stages"][0]["migrations"],
        serde_json::json!(["V1", "V2"])
    );
    assert_eq!(document["waves"][0]["name"], "canary");
    let saved: serde_json::Value = serde_json::from_str(&place.read("plan.json")).unwrap();
    assert_eq!(saved["stages"], document["stages"]);
    assert_eq!(place.lines("plan --output ndjson", 0).len(), 1);
}

#[test]
fn what_is_held_says_why() {
    let place = Place::with(2, &TWO);
    place.write("migrations/V3__drop_price.sql", "-- greylag:phase contract\n-- greylag:change totals\nALTER TABLE orders DROP COLUMN price;");
    place.write("migrations/V4__untagged.sql", "CREATE TABLE x (y);");
    insta::assert_snapshot!(place.out("plan --fail-on-held", 4), @r#"
    plan for shop (test), 2 shards in the fleet

    stage 1 of 1: expand, V1 and V2
      V1__create_orders.sql  on 2 shards
      V2__add_total.sql      on 2 shards  change totals

    waves
      canary           1 shard  s1
      small batch      1 shard  s2
      up to 8 at a time, 8 per host; stops at the first failed shard

    held
      V3: this version of greylag does not run contract migrations yet
      V4: it is behind V3, which is held; tag it with a change (`-- greylag:change NAME`) to let it pass

    findings
      warning V3__drop_price.sql:3 orders.price is dropped, and no earlier migration of totals was about it [contract-drops-others]
      `greylag lint` says why, and what to do instead

    digest sha256:DIGEST
    "#);
}

#[test]
fn only_and_to_narrow_it() {
    let place = Place::with(3, &TWO);
    let document = place.json("plan --to 1 --only s2 s3 --output json", 0);
    assert_eq!(
        document["stages"][0]["migrations"],
        serde_json::json!(["V1"])
    );
    assert_eq!(document["waves"].as_array().unwrap().len(), 2, "{document}");
    insta::assert_snapshot!(place.err("plan --only s33", 2), @r#"
    error: `s33` is no shard of this fleet
      hint: the nearest name is `s3`; `greylag fleet list` shows all
    "#);
}

#[test]
fn nothing_to_do_is_said() {
    let place = Place::with(2, &TWO);
    place.out("apply --yes", 0);
    insta::assert_snapshot!(place.out("plan", 0), @r#"
    plan for shop (test), 2 shards in the fleet
    nothing to do: every shard has every migration
    "#);
}
