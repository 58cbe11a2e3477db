//! Sources without a server: files, patterns, commands.

use super::found::Place;

#[tokio::test]
async fn a_csv_file_names_shards_and_further_columns_are_labels() {
    let place = Place::new(&[(
        "shards.csv",
        "name,primary,host,region,tier\n# decommissioned: old,postgres://x/y,,,\nb,postgres://h2/b,,eu,\na,postgres://me@h1/a,rack-1,us,canary\n",
    )]);
    let found = place
        .shards("[[discover]]\nkind = \"file\"\npath = \"shards.csv\"\nlabels = { region = \"none\", team = \"x\" }\nshard-password = { env = \"P\" }\n")
        .await;
    insta::assert_snapshot!(found, @"");
}

#[tokio::test]
async fn json_and_toml_files_name_shards() {
    let place = Place::new(&[
        (
            "shards.json",
            r#"{"shards": [{"name": "j", "primary_url": "mysql://h/j", "labels": {"n": 1}, "replica_urls": ["mysql://r/j"], "password": {"env": "P"}}]}"#,
        ),
        (
            "shards.toml",
            "[[shard]]\nname = \"t\"\nprimary = \"postgres://h/t\"\nschema = \"s\"\nlabels = { a = \"b\" }\n",
        ),
    ]);
    let found = place
        .shards("[[discover]]\nkind = \"file\"\npath = \"shards.json\"\n[[discover]]\nkind = \"file\"\npath = \"shards.toml\"\n")
        .await;
    insta::assert_snapshot!(found, @"");
}

#[tokio::test]
async fn a_pattern_finds_sqlite_files_and_passes_over_what_lies_beside_them() {
    let place = Place::new(&[
        ("shards/b.db", ""),
        ("shards/a b.db", ""),
        ("shards/b.db-wal", ""),
        ("shards/b.db.greylag-lock", ""),
        ("shards/deep/c.db", ""),
        ("other/d.db", ""),
    ]);
    let glob = |pattern: &str, more: &str| {
        format!("[[discover]]\nkind = \"glob\"\npattern = \"{pattern}\"\n{more}")
    };
    let one = place.shards(&glob("shards/*.db*", "")).await;
    insta::assert_snapshot!(one, @"");
    let tidy = Place::new(&[
        ("t/x/data.db", ""),
        ("t/y/data.db", ""),
        ("t/y/data.db-shm", ""),
    ]);
    let deep = tidy
        .shards(&glob("t/**/data.db", "shard-name = \"tenant-{folder}\""))
        .await;
    insta::assert_snapshot!(deep, @"");
    let alike = tidy.shards(&glob("t/*/data.db", "")).await;
    insta::assert_snapshot!(alike, @"");
}

#[tokio::test]
async fn a_command_prints_shards() {
    let place = Place::new(&[]);
    let command = |script: &str| {
        format!(
            "[[discover]]\nname = \"inventory\"\nkind = \"command\"\ncommand = [\"sh\", \"-c\", '''{script}''']\n"
        )
    };
    let found = place
        .shards(&command(
            r#"echo '[{"name": "a", "primary": "sqlite:a.db"}]'"#,
        ))
        .await;
    insta::assert_snapshot!(found, @"");
    let failed = place
        .shards(&command("echo no such team >&2; exit 7"))
        .await;
    insta::assert_snapshot!(failed, @"");
    let nonsense = place.shards(&command("echo hello")).await;
    insta::assert_snapshot!(nonsense, @"");
    let endless = place
        .shards(&format!("{}timeout = \"50ms\"\n", command("sleep 60")))
        .await;
    insta::assert_snapshot!(endless, @"");
}

#[tokio::test]
async fn an_empty_answer_is_an_error_unless_it_is_allowed() {
    let place = Place::new(&[("shards.csv", "name,primary\n")]);
    let source = "[[discover]]\nname = \"list\"\nkind = \"file\"\npath = \"shards.csv\"\n";
    insta::assert_snapshot!(place.shards(source).await, @"");
    let shard = "[[shard]]\nname = \"a\"\nprimary = \"sqlite:a.db\"\n";
    let allowed = place
        .shards(&format!("{source}allow-empty = true\n{shard}"))
        .await;
    insta::assert_snapshot!(allowed, @"");
    insta::assert_snapshot!(place.shards("").await, @"");
}

#[tokio::test]
async fn every_wrong_row_of_every_source_is_told_at_once() {
    let place = Place::new(&[
        (
            "one.csv",
            "name,primary\neu 1,postgres://h/a\nb,nonsense\n,postgres://h/c\n",
        ),
        (
            "two.json",
            r#"[{"name": "x", "primry": "postgres://h/x"}, {"name": "y", "primary": "postgres://h/y", "password": "hunter2"}]"#,
        ),
    ]);
    let found = place
        .shards("[[discover]]\nkind = \"file\"\nname = \"one\"\npath = \"one.csv\"\n[[discover]]\nname = \"two\"\nkind = \"file\"\npath = \"two.json\"\n[[discover]]\nname = \"gone\"\nkind = \"file\"\npath = \"gone.json\"\n")
        .await;
    assert!(!found.contains("hunter2"), "{found}");
    insta::assert_snapshot!(found, @"");
}

#[tokio::test]
async fn a_name_met_twice_names_both_places() {
    let place = Place::new(&[("shards.csv", "name,primary\na,postgres://h/a\n")]);
    let found = place
        .shards("[[shard]]\nname = \"a\"\nprimary = \"sqlite:a.db\"\n[[discover]]\nname = \"list\"\nkind = \"file\"\npath = \"shards.csv\"\n")
        .await;
    insta::assert_snapshot!(found, @"");
}
