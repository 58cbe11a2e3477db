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
    insta::assert_snapshot!(found, @r#"
    a postgres://h1/a host=rack-1 region=us team=x tier=canary password
    b postgres://h2/b host=h2 region=eu team=x password
    "#);
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
    insta::assert_snapshot!(found, @r#"
    j mysql://h/j host=h n=1 replicas=1 password
    t postgres://h/t host=h schema=s a=b
    "#);
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
    insta::assert_snapshot!(one, @"error: discovery source `glob at line 2`: row 1: shard `a b`: the shard name `a b` has a space at character 2; use letters, digits and `. _ - + @ : =`, beginning with a letter or digit");
    let tidy = Place::new(&[
        ("t/x/data.db", ""),
        ("t/y/data.db", ""),
        ("t/y/data.db-shm", ""),
    ]);
    let deep = tidy
        .shards(&glob("t/**/data.db", "shard-name = \"tenant-{folder}\""))
        .await;
    insta::assert_snapshot!(deep, @r#"
    tenant-x sqlite:/here/t/x/data.db host=localhost
    tenant-y sqlite:/here/t/y/data.db host=localhost
    "#);
    let alike = tidy.shards(&glob("t/*/data.db", "")).await;
    insta::assert_snapshot!(alike, @r#"
    error: the shard `data` is named twice: by row 1 of the source `glob at line 2` and by row 2 of the source `glob at line 2`
        each shard has one name and one place that names it
    "#);
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
    insta::assert_snapshot!(found, @"a sqlite:/here/a.db host=localhost");
    let failed = place
        .shards(&command("echo no such team >&2; exit 7"))
        .await;
    insta::assert_snapshot!(failed, @"error: discovery source `inventory`: `sh` ended with exit status: 7, and said: no such team");
    let nonsense = place.shards(&command("echo hello")).await;
    insta::assert_snapshot!(nonsense, @"error: discovery source `inventory`: `sh` printed no JSON: expected value at line 1 column 1");
    let endless = place
        .shards(&format!("{}timeout = \"50ms\"\n", command("sleep 60")))
        .await;
    insta::assert_snapshot!(endless, @r#"
    error: discovery source `inventory`: `sh` did not end within 50ms
        a longer time: `timeout = "2m"`
    "#);
}

#[tokio::test]
async fn an_empty_answer_is_an_error_unless_it_is_allowed() {
    let place = Place::new(&[("shards.csv", "name,primary\n")]);
    let source = "[[discover]]\nname = \"list\"\nkind = \"file\"\npath = \"shards.csv\"\n";
    insta::assert_snapshot!(place.shards(source).await, @r#"
    error: discovery source `list`: it found no shard
        an empty answer is taken for a mistake; `allow-empty = true` permits it
    "#);
    let shard = "[[shard]]\nname = \"a\"\nprimary = \"sqlite:a.db\"\n";
    let allowed = place
        .shards(&format!("{source}allow-empty = true\n{shard}"))
        .await;
    insta::assert_snapshot!(allowed, @"a sqlite:/here/a.db host=localhost");
    insta::assert_snapshot!(place.shards("").await, @r#"
    error: /here/greylag.toml names no shard
        add a `[[shard]]` or a `[[discover]]` to it
    "#);
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
    insta::assert_snapshot!(found, @r#"
    error: the fleet can't be found, for 6 reasons
      discovery source `one`: row 1: shard `eu 1`: the shard name `eu 1` has a space at character 3; use letters, digits and `. _ - + @ : =`, beginning with a letter or digit
      discovery source `one`: row 2: shard `b`: the URL has no scheme
        write `postgres://user@host/database`, `mysql://…`, `mariadb://…` or `sqlite:path`
      discovery source `one`: row 3: it has no `name`
        what is there: `primary`
      discovery source `two`: row 1: it has no `primary`
        what is there: `name`, `primry`
      discovery source `two`: row 2: `password` is no reference
        write `{"env": "NAME"}`, `{"file": …}` or `{"command": […], "ttl": "10m"}`
      discovery source `gone`: /here/gone.json can't be read: No such file or directory (os error 2)
    "#);
}

#[tokio::test]
async fn a_name_met_twice_names_both_places() {
    let place = Place::new(&[("shards.csv", "name,primary\na,postgres://h/a\n")]);
    let found = place
        .shards("[[shard]]\nname = \"a\"\nprimary = \"sqlite:a.db\"\n[[discover]]\nname = \"list\"\nkind = \"file\"\npath = \"shards.csv\"\n")
        .await;
    insta::assert_snapshot!(found, @r#"
    error: the shard `a` is named twice: by /here/greylag.toml:3 and by row 1 of the source `list`
        each shard has one name and one place that names it
    "#);
}
