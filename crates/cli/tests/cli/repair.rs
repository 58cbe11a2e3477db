use crate::place::Place;

#[test]
fn an_edited_file_is_taken_over_with_both_checksums_told() {
    let place = Place::with(2, &[("V1__a.sql", "CREATE TABLE a (x);\n")]);
    place.out("apply --yes", 0);
    place.write(
        "migrations/V1__a.sql",
        "-- a comment\nCREATE TABLE a (x);\n",
    );
    place.run("apply --yes");
    let dry = place.out("repair --dry-run", 0);
    insta::assert_snapshot!(dry, @r#"
    would: s1: V1: checksum 302061556 became -688458294
    would: s2: V1: checksum 302061556 became -688458294
    "#);
    insta::assert_snapshot!(place.err("repair V1 --yes", 2), @r#"
    error: the following required arguments were not provided:
      --reason <REASON>

    Usage: greylag repair --yes --reason <REASON> <MIGRATION>

    For more information, try '--help'.
    "#);
    insta::assert_snapshot!(place.out("repair V1 --reason \"a comment\" --yes", 0), @r#"
    ✓ s1: V1: checksum 302061556 became -688458294
    ✓ s2: V1: checksum 302061556 became -688458294
    "#);
    place.out("apply --yes", 0);
    let document = place.json("repair --dry-run --output json", 0);
    assert_eq!(document["schema"], "greylag.repair/v1");
    assert_eq!(document["shards"][0]["result"], "nothing");
}

#[test]
fn a_history_is_not_mended_where_the_database_belongs_elsewhere() {
    let place = Place::with(1, &[("V1__a.sql", "CREATE TABLE a (x);\n")]);
    place.out("apply --yes", 0);
    place.write("migrations/V1__a.sql", "-- edited\nCREATE TABLE a (x);\n");
    let (project, checksum) = (
        place.read("greylag.toml"),
        "SELECT checksum FROM greylag_schema_history WHERE version = '1'",
    );
    let before = place.ask("s1", checksum);
    place.write(
        "greylag.toml",
        project.replace("environment = \"test\"", "environment = \"staging\""),
    );
    let said = place.run("repair V1 --reason \"a comment\" --yes");
    assert_eq!(said.code, 6, "{said:?}");
    assert_eq!(place.ask("s1", checksum), before);
}
