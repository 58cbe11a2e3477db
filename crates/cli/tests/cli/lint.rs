use crate::place::Place;
use serde_json::Value;

/// A project on PostgreSQL that nobody connects to.
fn postgres(migrations: &[(&str, &str)]) -> Place {
    let place = Place::empty();
    place.write(
        "greylag.toml",
        "project = \"p\"\n[[shard]]\nname = \"eu-1\"\nprimary = \"postgres://greylag@127.0.0.1:1/orders\"\n",
    );
    std::fs::create_dir(place.path("migrations")).unwrap();
    for (name, text) in migrations {
        place.write(&format!("migrations/{name}"), text);
    }
    place
}

const ORDERS: (&str, &str) = (
    "V1__orders.sql",
    "CREATE TABLE orders (id bigint PRIMARY KEY, email text);\n",
);
const INDEX: (&str, &str) = (
    "V2__index.sql",
    "-- how people are found\nCREATE INDEX orders_email ON orders (email);\n",
);

#[test]
fn a_blocking_index_is_an_error_with_its_place_and_a_rewrite() {
    let place = postgres(&[ORDERS, INDEX]);
    let said = place.run("lint migrations/V2__index.sql --no-color");
    assert_eq!(said.code, 5, "{}\n{}", said.out, said.err);
    for part in [
        "error[add-index-blocking]",
        "migrations/V2__index.sql:2:",
        "CREATE INDEX orders_email ON orders (email)",
        "why",
        "do instead",
        "CONCURRENTLY",
        "1 file; 1 of 1 statement judged (100 %)",
    ] {
        assert!(said.out.contains(part), "{part}\n{}", said.out);
    }
}

#[test]
fn an_allowed_finding_lets_the_run_pass_and_is_counted() {
    let allowed = format!(
        "-- greylag:allow add-index-blocking because the table has 40 rows\n{}",
        INDEX.1
    );
    let place = postgres(&[ORDERS, ("V2__index.sql", &allowed)]);
    let said = place.run("lint migrations/V2__index.sql");
    assert_eq!(said.code, 0, "{}", said.out);
    assert!(
        said.out.contains("1 allowed (-v shows them)"),
        "{}",
        said.out
    );
    let said = place.run("lint migrations/V2__index.sql -v");
    assert!(
        said.out.contains("because the table has 40 rows"),
        "{}",
        said.out
    );
}

#[test]
fn each_shape_tells_the_same_finding() {
    let place = postgres(&[ORDERS, INDEX]);
    let run = |shape: &str| place.out(&format!("lint migrations/V2__index.sql {shape}"), 5);
    let json: Value = serde_json::from_str(&run("--output json")).unwrap();
    assert_eq!(json["schema"], "greylag.lint/v1");
    let finding = json["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|f| f["rule"] == "add-index-blocking")
        .unwrap();
    assert_eq!(finding["path"], "migrations/V2__index.sql");
    assert_eq!(finding["start"]["line"], 2);
    let sarif: Value = serde_json::from_str(&run("--format sarif")).unwrap();
    let result = &sarif["runs"][0]["results"][0];
    assert_eq!(sarif["version"], "2.1.0");
    assert_eq!(result["ruleId"], "add-index-blocking");
    assert_eq!(
        result["partialFingerprints"]["greylag/v1"],
        finding["fingerprint"]
    );
    let at = result["ruleIndex"].as_u64().unwrap() as usize;
    let rules = &sarif["runs"][0]["tool"]["driver"]["rules"];
    assert_eq!(rules[at]["id"], "add-index-blocking");
    let github = run("--format github");
    assert!(
        github.starts_with("::error file=migrations/V2__index.sql,line=2,col=1,"),
        "{github}"
    );
    let gitlab: Value = serde_json::from_str(&run("--format gitlab")).unwrap();
    assert_eq!(gitlab[0]["severity"], "major");
    assert_eq!(gitlab[0]["location"]["lines"]["begin"], 2);
    assert_eq!(gitlab[0]["fingerprint"], finding["fingerprint"]);
}

#[test]
fn a_fix_stands_in_files_of_its_own_and_finds_nothing_more() {
    let place = postgres(&[ORDERS, INDEX]);
    let said = place.run("lint --fix migrations");
    assert_eq!(said.code, 0, "{}\n{}", said.out, said.err);
    let fixed = place.read("migrations/V2__index.sql");
    assert!(fixed.contains("CREATE INDEX CONCURRENTLY"), "{fixed}");
    assert!(fixed.contains("-- greylag:transaction off"), "{fixed}");
    assert!(fixed.contains("-- how people are found"), "{fixed}");
    let again = place.run("lint migrations/V2__index.sql");
    assert_eq!(again.code, 0, "{}", again.out);
}

#[test]
fn a_fix_that_needs_a_version_that_is_taken_writes_nothing() {
    let cut = (
        "V2__cut.sql",
        "ALTER TABLE orders ADD COLUMN note text;\nCREATE INDEX i ON orders (id);\n",
    );
    let other = ("V2.1__other.sql", "SELECT 1;\n");
    let place = postgres(&[ORDERS, cut, other]);
    let said = place.run("lint --fix migrations");
    let told = format!("{}{}", said.out, said.err);
    assert_eq!(said.code, 5, "{told}");
    assert!(told.contains("the version of V2.1__other.sql"), "{told}");
    assert_eq!(place.read("migrations/V2__cut.sql"), cut.1);
    let place = postgres(&[ORDERS, cut]);
    place.write(
        "migrations/V2__cut.sql.conf",
        "executeInTransaction=false\n",
    );
    let said = place.run("lint --fix migrations/V2__cut.sql");
    let told = format!("{}{}", said.out, said.err);
    assert!(
        told.contains("V2__cut.sql.conf would count for the first alone"),
        "{told}"
    );
    assert_eq!(place.read("migrations/V2__cut.sql"), cut.1);
}

#[test]
fn a_fix_rewrites_only_what_it_is_told_to_and_says_what_is_left() {
    let drop = ("V3__drop.sql", "DROP TABLE orders;\n");
    let place = postgres(&[ORDERS, INDEX, drop]);
    let said = place.err("lint --fix", 2);
    assert!(
        said.contains("`--fix` rewrites files, and none is named"),
        "{said}"
    );
    assert_eq!(place.read("migrations/V2__index.sql"), INDEX.1);
    let said = place.run("lint --fix migrations --no-color");
    let told = format!("{}{}", said.out, said.err);
    assert_eq!(said.code, 5, "{told}");
    assert!(told.contains("1 file rewritten; 1 error left"), "{told}");
    assert_eq!(place.read("migrations/V3__drop.sql"), drop.1);
    // What is left is one of the file that has no rewrite, which isn't asked about here.
    place.write("migrations/V2__index.sql", INDEX.1);
    place.out("lint --fix migrations/V2__index.sql", 0);
    let none = place.run("lint --fix migrations --fail-on never");
    assert_eq!(none.code, 0, "{}{}", none.out, none.err);
}

/// Runs git in the project's folder.
pub(crate) fn git(place: &Place, line: &str) {
    let done = std::process::Command::new("git")
        .current_dir(place.folder.path())
        .args(["-c", "user.name=a", "-c", "user.email=a@b"])
        .args(line.split(' '))
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
}

#[test]
fn what_the_other_branch_gained_is_no_change_of_this_one() {
    let place = postgres(&[ORDERS, INDEX]);
    for line in [
        "init -q -b main",
        "add .",
        "commit -qm first",
        "switch -qc mine",
    ] {
        git(&place, line);
    }
    place.write(
        "migrations/V3__mine.sql",
        "CREATE INDEX orders_id ON orders (id);\n",
    );
    for line in ["add .", "commit -qm mine", "switch -q main"] {
        git(&place, line);
    }
    place.write(
        "migrations/V2__index.sql",
        "CREATE INDEX other ON orders (email);\n",
    );
    for line in ["add .", "commit -qm theirs", "switch -q mine"] {
        git(&place, line);
    }
    let out = place.out("lint --since main --no-color", 5);
    assert!(
        out.contains("V3__mine.sql") && !out.contains("V2__index.sql"),
        "{out}"
    );
}

#[test]
fn what_a_branch_changes_is_not_taken_for_new() {
    let place = postgres(&[ORDERS]);
    for line in ["init -q", "add .", "commit -qm first"] {
        git(&place, line);
    }
    place.write(
        "migrations/V1__orders.sql",
        format!("-- mended\n{}", ORDERS.1),
    );
    place.write("migrations/V2__index.sql", INDEX.1);
    // Somebody's orders are there, and writes to them wait.
    let out = place.out("lint --since HEAD --no-color", 5);
    assert!(out.contains("add-index-blocking"), "{out}");
    // A table that the branch itself adds is nobody's yet.
    place.write(
        "migrations/V3__items.sql",
        "CREATE TABLE items (id bigint PRIMARY KEY, n int);\n",
    );
    place.write(
        "migrations/V4__index.sql",
        "CREATE INDEX items_n ON items (n);\n",
    );
    let out = place.out("lint --since HEAD --no-color", 5);
    assert!(!out.contains("V4__index.sql"), "{out}");
}

#[test]
fn only_what_changed_since_a_revision_is_judged() {
    let place = postgres(&[ORDERS, INDEX]);
    let git = |line: &str| git(&place, line);
    git("init -q");
    git("add .");
    git("commit -qm first");
    place.write(
        "migrations/V3__drop.sql",
        "CREATE INDEX orders_id ON orders (id);\n",
    );
    let out = place.out("lint --since HEAD", 5);
    assert!(
        out.contains("V3__drop.sql") && !out.contains("V2__index.sql"),
        "{out}"
    );
    assert!(out.contains("in 1 file;"), "{out}");
    let said = place.err("lint --since nowhere", 2);
    assert!(
        said.contains("git does not tell what changed since `nowhere`"),
        "{said}"
    );
}

#[test]
fn a_rule_is_explained_and_a_mistaken_name_finds_the_nearest() {
    let place = Place::empty();
    let out = place.out("lint --explain add-index-blocking", 0);
    assert!(
        out.contains("Speaks about:") && out.contains("Instead:"),
        "{out}"
    );
    insta::assert_snapshot!(place.err("lint --explain add-index-bloking", 2), @r"
    error: there is no rule `add-index-bloking`
      hint: did you mean `add-index-blocking`? `greylag lint --rules` lists all
    ");
    assert!(place.out("lint --rules", 0).contains("add-index-blocking"));
}

#[test]
fn without_a_project_an_engine_and_a_path_are_enough() {
    let place = Place::empty();
    place.write("sql/V1__a.sql", "CREATE TABLE t (id int PRIMARY KEY);");
    place.out("lint --engine sqlite sql", 0);
    let said = place.err("lint sql", 2);
    assert!(
        said.contains("`greylag lint --engine postgres FOLDER`"),
        "{said}"
    );
}

#[test]
fn a_file_that_is_no_text_is_a_finding_of_its_own() {
    let place = postgres(&[ORDERS]);
    place.write("migrations/V2__broken.sql", b"SELECT '\xff\xfe';");
    let said = place.run("lint");
    assert_eq!(said.code, 5, "{}", said.out);
    assert!(said.out.contains("V2__broken.sql"), "{}", said.out);
}

#[test]
fn mistakes_in_the_lint_section_are_told_at_once() {
    let place = postgres(&[ORDERS]);
    let before = place.read("greylag.toml");
    place.write(
        "greylag.toml",
        format!("{before}[lint]\nshard-kee = \"a\"\ndefault-class = \"shared\"\n[lint.severity]\nadd-index-bloking = \"off\"\n[lint.versions.postgrse]\noldest = \"14\"\nnewest = \"x\"\n"),
    );
    let said = place.err("lint", 2);
    for part in [
        "did you mean `shard-key`?",
        "did you mean `sharded`?",
        "did you mean `add-index-blocking`?",
        "did you mean `postgres`?",
        "`x` is no server version",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
}
