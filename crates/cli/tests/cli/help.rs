use crate::place::Place;

#[test]
fn the_verbs_are_listed() {
    let place = Place::empty();
    insta::assert_snapshot!(place.out("-h", 0), @r#"
    Rolls schema migrations out across fleets of databases

    Usage: greylag [OPTIONS] <COMMAND>

    Commands:
      demo         Builds a fleet and carries a whole rollout through it: embedded shards, or real
                   servers with replicas
      init         Starts a project: greylag.toml and a folder for migrations
      new          Starts a migration file with the next version
      lint         Reviews migrations: locks, rewrites, what reaches replicas, what breaks on shards
      doctor       Connects everywhere, and checks privileges, poolers and settings
      fleet        Finds and lists the shards and their nodes; settles who is who
      plan         Shows what would happen: stages, waves, gates, holds
      apply        Carries a plan out and follows it; takes up an unfinished rollout first
      status       Shows the fleet: versions, replicas, what is pending, what failed, and the rollout
      rollout      Steers a rollout: from a second terminal while `apply` runs, or between two runs
      baseline     Begins on existing databases: marks them as being at a version, and claims them
      repair       Mends histories: failed rows, checksums of edited files, files that are gone
      undo         Takes versions back with their U files, as a rollout of its own
      lab          Real servers on this machine, with replication, to try things on
      completions  Prints completions for a shell
      help         Print this message or the help of the given subcommand(s)

    Options:
      -h, --help     Print help
      -V, --version  Print version

    Everywhere:
          --config <FILE>    The project file; the nearest greylag.toml here or above is taken where
                             none is named [env: GREYLAG_CONFIG=]
          --output <FORMAT>  How results are written (`apply` in ndjson: one event a line) [default:
                             human] [possible values: human, json, ndjson]
          --no-color         No colours (NO_COLOR does the same)
      -q, --quiet            Only results and errors
      -v, --verbose...       More of what goes on; twice for more still

    Begin with `greylag demo`: it needs no server. A project begins with `greylag init`.
    Exit codes: 0 done, 1 error and nothing changed, 2 usage, 3 fleet split, 4 waiting,
    5 problems found, 6 refused by a guard.
    "#);
}

#[test]
fn each_verb_shows_examples() {
    let place = Place::empty();
    for verb in [
        "demo",
        "init",
        "new",
        "doctor",
        "fleet",
        "plan",
        "apply",
        "status",
        "rollout",
        "baseline",
        "repair",
        "undo",
        "lab",
        "completions",
    ] {
        let help = place.out(&format!("{verb} --help"), 0);
        assert!(
            help.contains("Examples:\n  greylag ") || verb == "lab",
            "{verb}: {help}"
        );
        assert!(help.contains(&format!("greylag {verb}")), "{verb}: {help}");
    }
}

#[test]
fn a_wrong_verb_is_usage_and_names_the_nearest() {
    let place = Place::empty();
    let err = place.err("aply", 2);
    assert!(err.contains("'apply'"), "{err}");
    assert_eq!(place.run("").code, 2);
    assert!(place.out("--version", 0).starts_with("greylag "));
}
