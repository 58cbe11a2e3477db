//! Input as it comes, and an answer that helps.

use crate::place::{Place, project};

const A: &str = "CREATE TABLE a (x);";

fn plan_of(files: &[(&str, &[u8])]) -> String {
    let place = Place::with(1, &[]);
    for (name, bytes) in files {
        place.write(&format!("migrations/{name}"), bytes);
    }
    let said = place.run("plan");
    format!(
        "{}\n{}",
        said.code,
        if said.code == 0 { said.out } else { said.err }
    )
}

#[test]
fn an_unknown_directive_names_the_nearest() {
    insta::assert_snapshot!(plan_of(&[("V1__a.sql", b"-- greylag:fase expand\nSELECT 1;\n")]), @r#"
    2
    error: the migrations have a fault
      × unknown directive `fase`
       ╭─[migrations/V1__a.sql:1:1]
     1 │ -- greylag:fase expand
       · ──────────────────────
     2 │ SELECT 1;
       ╰────
      help: Did you mean `phase`?
    "#);
}

#[test]
fn two_files_of_one_version_are_named() {
    insta::assert_snapshot!(plan_of(&[("V1__a.sql", A.as_bytes()), ("V1.0__b.sql", A.as_bytes())]), @r#"
    2
    error: the migrations have a fault
      × version 1 is taken by `V1.0__b.sql` too
       ╭─[migrations/V1__a.sql:1:1]
     1 │ CREATE TABLE a (x);
       · ▲
       ╰────
      help: Rename one of them; no shard must have it applied yet.
    "#);
}

#[test]
fn names_that_are_almost_right_are_told() {
    insta::assert_snapshot!(plan_of(&[("V1_a.sql", A.as_bytes()), ("Vx__b.sql", A.as_bytes()), ("seed.sql", A.as_bytes())]), @r#"
    2
    error: the migrations have a fault
      × migrations/V1_a.sql: `V1_a.sql` has no `__` between version and description
       help: Name it `V<version>__<description>.sql`, with two underscores between.
    "#);
}

#[test]
fn an_empty_file_a_byte_order_mark_and_windows_lines_are_migrations() {
    let place = Place::with(1, &[("V1__empty.sql", "")]);
    place.write(
        "migrations/V2__bom.sql",
        "\u{feff}CREATE TABLE b (x);\r\nCREATE TABLE c (x);\r\n",
    );
    place.write(
        "migrations/V3__new.sql",
        "-- greylag:phase expand\n\n-- to be written\n",
    );
    let plan = place.out("plan", 0);
    for script in ["V1__empty.sql", "V3__new.sql"] {
        let note =
            format!("{script} has no statement: it is recorded as applied, and does nothing");
        assert!(plan.contains(&note), "{plan}");
    }
    assert!(!plan.contains("V2__bom.sql has no"), "{plan}");
    let said = place.run("apply --yes");
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(
        said.err.contains("note: V3__new.sql has no statement"),
        "{}",
        said.err
    );
    assert_eq!(
        place.ask(
            "s1",
            "SELECT count(*) FROM sqlite_schema WHERE name IN ('b', 'c')"
        ),
        2
    );
}

#[test]
fn bytes_that_are_no_utf8_are_located() {
    insta::assert_snapshot!(plan_of(&[("V1__a.sql", b"SELECT 1;\nSELECT '\xff';\n")]), @r#"
    2
    error: the migrations have a fault
      × the file is not UTF-8: byte 0xff at offset 18
       ╭─[migrations/V1__a.sql:2:9]
     1 │ SELECT 1;
     2 │ SELECT '�';
       ·         ─
       ╰────
      help: Save the file as UTF-8.
    "#);
}

#[test]
fn a_version_below_the_highest_is_held_and_out_of_order_lets_it_in() {
    let place = Place::with(1, &[("V1__a.sql", A), ("V5__b.sql", "CREATE TABLE b (x);")]);
    place.out("apply --yes", 0);
    place.write("migrations/V3__late.sql", "CREATE TABLE late (x);");
    insta::assert_snapshot!(place.out("plan", 0), @r#"
    plan for shop (test), 1 shard in the fleet
    nothing to do but what is held

    held
      V3: it is below V5, which is applied already; `out-of-order = true` in [rollout] lets it in
    "#);
    place.write(
        "greylag.toml",
        project(1, "[rollout]\nout-of-order = true\n"),
    );
    place.out("apply --yes", 0);
    assert_eq!(
        place.ask(
            "s1",
            "SELECT count(*) FROM sqlite_schema WHERE name = 'late'"
        ),
        1
    );
}

/// Fifty megabytes; a tenth of that in an ordinary run.
#[test]
fn a_huge_file_goes_through() {
    let size = match std::env::var_os("GREYLAG_FULL") {
        Some(_) => 50_000_000,
        None => 5_000_000,
    };
    let place = Place::with(1, &[]);
    let mut text = String::from("CREATE TABLE big (x);\n");
    let row = format!("INSERT INTO big VALUES ('{}');\n", "y".repeat(50_000));
    while text.len() < size {
        text.push_str(&row);
    }
    place.write("migrations/V1__big.sql", &text);
    place.out("apply --yes", 0);
    let rows = text.lines().count() as i64 - 1;
    assert_eq!(place.ask("s1", "SELECT count(*) FROM big"), rows);
}

#[test]
fn a_missing_folder_of_migrations_is_named() {
    let place = Place::with(1, &[]);
    std::fs::remove_dir(place.path("migrations")).unwrap();
    insta::assert_snapshot!(place.err("plan", 2), @r#"
    error: the migrations have a fault
      because: the migrations folder /here/migrations is missing
      hint: Create it, or correct `migrations` in greylag.toml.
    "#);
}

#[test]
fn a_placeholder_without_value_is_located() {
    let place = Place::with(
        1,
        &[("V1__a.sql", "SELECT 1;\nCREATE TABLE ${table} (x);\n")],
    );
    let said = place.run("apply --yes");
    assert_eq!(said.code, 2, "{}", said.err);
    insta::assert_snapshot!(said.err, @r#"
    error: the migrations have a fault
      × the placeholder has no value: `${table}`
       ╭─[migrations/V1__a.sql:2:14]
     1 │ SELECT 1;
     2 │ CREATE TABLE ${table} (x);
       ·              ────────
       ╰────
      help: Give each a value under `[placeholders]` in greylag.toml, or write
            `placeholderReplacement=false` into the file's `.conf` if `${` is meant as it stands.
    "#);
    place.write(
        "greylag.toml",
        project(1, "[placeholders]\ntable = \"named\"\n"),
    );
    place.out("apply --yes", 0);
    assert_eq!(
        place.ask(
            "s1",
            "SELECT count(*) FROM sqlite_schema WHERE name = 'named'"
        ),
        1
    );
}

#[test]
fn a_state_file_of_a_newer_version_is_not_touched() {
    let place = Place::with(1, &[("V1__a.sql", A)]);
    place.out("apply --yes", 0);
    let state = rusqlite::Connection::open(place.path(".greylag/state.db")).unwrap();
    state.execute_batch("PRAGMA user_version = 9999").unwrap();
    drop(state);
    let said = place.run("apply --yes");
    insta::assert_snapshot!(format!("{}\n{}", said.code, said.err), @r#"
    2
    error: the state store /here/.greylag/state.db was written by a newer greylag (format 9999; this one knows 1)
      hint: Run the newer greylag, or name another store under `[state]` in greylag.toml.
    "#);
}

#[test]
fn a_state_file_that_is_none_is_not_touched() {
    let place = Place::with(1, &[("V1__a.sql", A)]);
    place.write(
        ".greylag/state.db",
        "this is not a database, whatever its name says, and it is long enough to tell",
    );
    let said = place.run("apply --yes");
    insta::assert_snapshot!(format!("{}\n{}", said.code, said.err), @r#"
    2
    error: /here/.greylag/state.db is no state store of greylag: file is not a database
      hint: Check `url` under `[state]` in greylag.toml: it must name a store of greylag's own.
    "#);
    assert!(place.read(".greylag/state.db").starts_with("this is not"));
}

#[test]
fn a_folder_for_the_state_that_cannot_be_made_is_named() {
    let place = Place::with(1, &[("V1__a.sql", A)]);
    place.write(".greylag", "a file where the folder should be");
    let said = place.run("apply --yes");
    insta::assert_snapshot!(format!("{}\n{}", said.code, said.err), @r#"
    1
    error: the folder /here/.greylag for the state store can't be made
      because: File exists (os error 17)
      hint: Let this user write there, or name another place under `[state]` in greylag.toml. `plan`, `status` and `--dry-run` only read.
    "#);
}
