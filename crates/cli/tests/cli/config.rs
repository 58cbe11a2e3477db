use crate::place::{Place, Said};

#[test]
fn mistakes_are_drawn_with_their_lines() {
    let place = Place::empty();
    place.write(
        "greylag.toml",
        "projct = \"shop\"\n\n[[shard]]\nname = \"eu 1\"\nprimary = \"postgres://h/x\"\n\n[rollout]\nmax_in_flight = 8\nfailure-budget = \"lots\"\n",
    );
    let said = place.run("plan");
    assert_eq!((said.code, said.out.as_str()), (2, ""));
    insta::assert_snapshot!(said.err, @r#"
    error: greylag.toml has 5 mistakes
      × greylag.toml lacks `project`
       ╭─[greylag.toml:1:1]
     1 │ projct = "shop"
       · ▲
     2 │
       ╰────
      help: write `project = "orders"` at the top of the file
      × greylag.toml has no key `projct`
       ╭─[greylag.toml:1:1]
     1 │ projct = "shop"
       · ──────
     2 │
       ╰────
      help: did you mean `project`?
      × the shard name `eu 1` has a space at character 3; use letters, digits and `. _ - + @ : =`,
      │ beginning with a letter or digit
       ╭─[greylag.toml:4:8]
     3 │ [[shard]]
     4 │ name = "eu 1"
       ·        ──────
     5 │ primary = "postgres://h/x"
       ╰────
      × [rollout] has no key `max_in_flight`
       ╭─[greylag.toml:8:1]
     7 │ [rollout]
     8 │ max_in_flight = 8
       · ─────────────
     9 │ failure-budget = "lots"
       ╰────
      help: did you mean `max-in-flight`?
      × `failure-budget` is neither a number of shards nor a share
       ╭─[greylag.toml:9:18]
     8 │ max_in_flight = 8
     9 │ failure-budget = "lots"
       ·                  ──────
       ╰────
      help: write a number of shards, `failure-budget = 2`, or a share, `"2%"`
    "#);
    let document = place.json("plan --output json", 2);
    assert_eq!(document["schema"], "greylag.error/v1");
    assert_eq!(document["exit_code"], 2);
    assert_eq!(document["mistakes"].as_array().unwrap().len(), 5);
    assert_eq!(document["mistakes"][1]["line"], 1);
}

#[test]
fn a_missing_file_says_how_to_begin() {
    let place = Place::empty();
    insta::assert_snapshot!(place.err("status", 2), @r#"
    error: there is no greylag.toml here or in a folder above
      hint: start a project with `greylag init`, name its file with `--config FILE`, or see it work with `greylag demo`
    "#);
    insta::assert_snapshot!(place.err("status --config no/such.toml", 2), @r#"
    error: no/such.toml can't be read
      because: No such file or directory (os error 2)
    "#);
}

#[test]
fn the_file_is_found_above_by_flag_and_by_environment() {
    let place = Place::with(1, &[("V1__a.sql", "CREATE TABLE a (x);")]);
    std::fs::create_dir_all(place.path("deep/er")).unwrap();
    let above: Said = place.command("plan").within("deep/er").into();
    assert_eq!(above.code, 0, "{}", above.err);
    let named: Said = place
        .command("plan")
        .within("/")
        .env("GREYLAG_CONFIG", place.path("greylag.toml"))
        .into();
    assert_eq!(named.code, 0, "{}", named.err);
    assert!(named.out.contains("V1__a.sql"), "{}", named.out);
}

#[test]
fn what_is_not_done_yet_is_said_each_time() {
    let place = Place::with(1, &[]);
    place.write(
        "greylag.toml",
        "project = \"shop\"\n[[shard]]\nname = \"a\"\nprimary = \"sqlite:shards/a.db?mode=rwc\"\nreplicas = \"auto\"\n[backfill]\nbatch-time = \"1s\"\n",
    );
    let said = place.run("plan");
    assert_eq!(said.code, 0, "{}", said.err);
    insta::assert_snapshot!(said.err, @r#"
    note: greylag.toml:6: [backfill] is read and kept; this version of greylag runs no backfills yet
    "#);
}

#[test]
fn a_mistake_is_drawn_without_the_passwords_beside_it() {
    let place = Place::empty();
    let project = |shard: &str| format!("project = \"shop\"\n\n[[shard]]\nname = \"a\"\n{shard}\n");
    for shard in [
        "primry = \"postgres://me:hunter2@h/x\"",
        "primary = \"postgrs://me:hunter2@h/x\"",
        "primary = \"postgres://me:hunter2@h:port/x\"",
        "primary = \"postgres://me:hunter2@h/x",
        "primary = \"postgres://h/x\"\npassword = \"hunter2\"",
    ] {
        place.write("greylag.toml", project(shard));
        for line in ["plan", "plan --output json"] {
            let said = place.run(line);
            assert_eq!(said.code, 2, "{said:?}");
            assert!(!said.err.contains("hunter2"), "{}", said.err);
            assert!(!said.out.contains("hunter2"), "{}", said.out);
        }
    }
}
