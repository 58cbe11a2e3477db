use crate::place::{Place, project};

#[test]
fn databases_with_tables_are_claimed_by_a_baseline_and_go_on_from_there() {
    let place = Place::with(
        2,
        &[
            ("V1__old.sql", "CREATE TABLE old (x);"),
            ("V2__new.sql", "ALTER TABLE old ADD COLUMN y;"),
        ],
    );
    place.sql("s1", "CREATE TABLE old (x)");
    place.sql("s2", "CREATE TABLE old (x)");
    let refused = place.run("apply --yes");
    assert_eq!(refused.code, 6, "{}", refused.err);
    insta::assert_snapshot!(refused.err, @r#"
    error: the database of shard `s1` has tables and no identity: it is not claimed without being asked
    the database of shard `s2` has tables and no identity: it is not claimed without being asked
      hint: Start with `greylag baseline`, or claim it with `greylag apply --claim N`, N being how many such databases you expect.
    "#);
    insta::assert_snapshot!(place.err("baseline 1", 2), @r#"
    error: there is no terminal to ask on
      hint: say `--yes` to go ahead
    "#);
    insta::assert_snapshot!(place.out("baseline 1 --yes", 0), @r#"
    ✓ s1: baselined at version 1
    ✓ s2: baselined at version 1
    "#);
    place.out("apply --yes", 0);
    assert_eq!(
        place.ask("s1", "SELECT count(*) FROM pragma_table_info('old')"),
        2
    );
    let again = place.out("baseline 1 --yes", 0);
    assert!(again.contains("has a history"), "{again}");
}

#[test]
fn a_claim_names_how_many_are_expected() {
    let place = Place::with(2, &[("V1__a.sql", "CREATE TABLE a (x);")]);
    place.sql("s1", "CREATE TABLE other (x)");
    let wrong = place.run("apply --yes --claim 2");
    assert_eq!(wrong.code, 6, "{}", wrong.err);
    insta::assert_snapshot!(wrong.err, @r#"
    error: --claim 2, but 1 databases have tables and no identity: `s1`
      hint: If all of them are to be claimed, `--claim 1`; otherwise correct their URLs.
    "#);
    place.out("apply --yes --claim 1", 0);
}

#[test]
fn a_claim_that_ends_half_way_says_how_many_are_left() {
    let place = Place::with(3, &[("V1__a.sql", "CREATE TABLE a (x);")]);
    place.write("greylag.toml", project(3, "[lock]\ndeadline = \"100ms\"\n"));
    for shard in ["s1", "s2", "s3"] {
        place.sql(shard, "CREATE TABLE theirs (x)");
    }
    let lock = rusqlite::Connection::open(place.path("shards/s2.db.greylag-lock")).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let said = place.err("apply --yes --claim 3", 6);
    assert!(
        said.contains("1 of 3 have an identity by now; go on with `greylag apply --claim 2`."),
        "{said}"
    );
    drop(lock);
    place.out("apply --yes --claim 2", 0);
}
