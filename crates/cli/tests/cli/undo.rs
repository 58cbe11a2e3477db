use crate::place::Place;

#[test]
fn versions_are_taken_back_wave_by_wave() {
    let place = Place::with(
        3,
        &[
            ("V1__a.sql", "CREATE TABLE a (x);"),
            ("V2__b.sql", "CREATE TABLE b (x);"),
            ("U2__b.sql", "DROP TABLE b;"),
        ],
    );
    place.out("apply --yes", 0);
    let said = place.run("undo --dry-run");
    assert_eq!(said.code, 0, "{}", said.err);
    insta::assert_snapshot!(said.out, @r#"
    plan for shop (test), 3 shards in the fleet

    stage 1 of 1: undo, U2
      U2__b.sql  on 3 shards

    waves
      canary           1 shard  s1
      small batch      1 shard  s2
      fleet            1 shard  s3
      up to 8 at a time, 8 per host; stops at the first failed shard

    digest sha256:DIGEST
    "#);
    place.out("undo --yes", 0);
    assert_eq!(
        place.ask("s2", "SELECT count(*) FROM sqlite_schema WHERE name = 'b'"),
        0
    );
    assert_eq!(place.json("status --output json", 0)["versions"]["1"], 3);
    let missing = place.run("undo --yes");
    assert_ne!(missing.code, 0);
    insta::assert_snapshot!(missing.err, @"error: V1 can't be undone: its undo file is not there; write `U1__….sql`");
}
