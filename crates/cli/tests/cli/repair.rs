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

#[test]
fn the_highest_version_is_taken_back_where_it_is_named() {
    let place = Place::with(
        2,
        &[
            ("V1__a.sql", "CREATE TABLE a (x);\n"),
            ("V2__b.sql", "CREATE TABLE b (x);\n"),
        ],
    );
    place.out("apply --yes", 0);
    std::fs::remove_file(place.path("migrations/V2__b.sql")).unwrap();
    // A checkout that is merely older than its fleet is in order.
    let all = place.out("repair --reason tidy --yes", 0);
    assert!(!all.contains('✓'), "{all}");
    let status = place.out("status", 0);
    assert!(
        status.contains("newer than any file here: it came with rollout ")
            && !status.contains("greylag repair"),
        "{status}"
    );
    for repair in ["repair V2 --dry-run", "repair V2 --reason old --yes"] {
        let refused = place.out(repair, 6);
        assert!(refused.contains("it came with rollout "), "{refused}");
        assert!(refused.contains("greylag repair V2 --gone"), "{refused}");
    }
    // Nor does a state store that knows of no rollout say that nobody has its file: each checkout has one of its own by default.
    std::fs::remove_dir_all(place.path(".greylag")).unwrap();
    for line in ["status", "status --output json"] {
        let status = place.out(line, 0);
        assert!(
            status.contains("V2 is applied, and newer than any file here")
                && !status.contains("greylag repair"),
            "{status}"
        );
    }
    for repair in ["repair V2 --dry-run", "repair V2 --reason old --yes"] {
        let refused = place.out(repair, 6);
        assert!(refused.contains("newer than any file here"), "{refused}");
        assert!(refused.contains("greylag repair V2 --gone"), "{refused}");
    }
    assert_eq!(
        place.ask(
            "s1",
            "SELECT count(*) FROM greylag_schema_history WHERE type = 'DELETE'"
        ),
        0
    );
    insta::assert_snapshot!(place.out("repair V2 --gone --dry-run", 0), @r#"
    would: s1: V2: its file is gone, and it counts as never applied (DELETE)
    would: s2: V2: its file is gone, and it counts as never applied (DELETE)
    "#);
    place.out("repair V2 --gone --reason \"tried, and given up\" --yes", 0);
    let status = place.json("status --output json", 0);
    assert_eq!(status["versions"], serde_json::json!({"1": 2}), "{status}");
    // Another file may have the number now.
    place.write("migrations/V2__c.sql", "CREATE TABLE c (x);\n");
    place.out("apply --yes", 0);
}

#[test]
fn a_failed_undo_is_repaired_by_the_name_that_status_gives_it() {
    let place = Place::with(1, &[("V1__a.sql", "CREATE TABLE a (x);\n")]);
    place.out("apply --yes", 0);
    // As another tool leaves it.
    place.sql(
        "s1",
        "INSERT INTO greylag_schema_history (installed_rank, version, description, type, script, checksum, installed_by, execution_time, success) \
         VALUES (9, '1', 'a', 'UNDO_SQL', 'U1__a.sql', 1, 'flyway', 0, 0)",
    );
    let status = place.out("status", 5);
    assert!(
        status.contains("`greylag repair U1 --reason …`"),
        "{status}"
    );
    place.out("repair U1 --reason \"it left nothing\" --yes", 0);
    place.out("status", 0);
}
