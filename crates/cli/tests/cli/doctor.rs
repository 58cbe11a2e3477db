use crate::place::Place;

#[test]
fn a_healthy_fleet_is_said_to_be_healthy() {
    let place = Place::with(2, &[("V1__a.sql", "CREATE TABLE a (x);")]);
    place.out("apply --yes", 0);
    let document = place.json("doctor --output json", 0);
    assert_eq!(document["schema"], "greylag.doctor/v1");
    assert_eq!(document["problems"], 0, "{document}");
    assert_eq!(document["shards"].as_array().unwrap().len(), 2);
}

#[test]
fn a_shard_that_cannot_be_reached_is_a_problem() {
    let place = Place::with(1, &[]);
    std::fs::remove_dir_all(place.path("shards")).unwrap();
    let said = place.run("doctor");
    assert_eq!(said.code, 5, "{}", said.err);
    insta::assert_snapshot!(said.out, @r#"
    s1 (sqlite:/here/shards/s1.db)
      ✗ sqlite:/here/shards/s1.db can't be reached: the folder /here/shards does not exist
          Is the server up, and may this machine reach it? `--skip-unreachable` leaves such shards out on purpose.
    1 problem, 0 warnings on 1 shard
    "#);
}
