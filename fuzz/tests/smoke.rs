//! Each target, for a little while and always the same: its seeds, and some thousand inputs made out of them.

use greylag_fuzz::{
    Target,
    engine::{Fault, Hunt, Limit, Tally, hunt, try_input},
    find, seeds,
};

const INPUTS: u64 = 3_000;

fn holds(name: &str) {
    let target = find(name).unwrap_or_else(|| panic!("no target {name}"));
    let seeds = seeds::of(&target, false);
    assert!(seeds.len() > 2, "{name} has no seeds");
    let (tally, finding) = hunt(begin(&target, &seeds, 1, INPUTS));
    if let Some(finding) = finding {
        panic!("{finding}");
    }
    assert_eq!(tally.inputs, INPUTS);
}

fn begin<'a>(target: &'a Target, seeds: &'a [Vec<u8>], seed: u64, inputs: u64) -> Hunt<'a> {
    let before = Box::leak(Box::new(|_: &[u8]| {}));
    Hunt {
        target,
        seeds,
        limit: Limit::Inputs(inputs),
        seed,
        before,
    }
}

macro_rules! hold {
    ($($test:ident: $name:literal),+ $(,)?) => {
        $(#[test] fn $test() { holds($name) })+

        #[test]
        fn every_target_is_tried_here() {
            let tried = [$($name),+];
            let all: Vec<&str> = greylag_fuzz::all().iter().map(|target| target.name).collect();
            assert_eq!(tried.to_vec(), all);
        }
    };
}

hold! {
    the_splitter_of_postgres_holds: "splitter-postgres",
    the_splitter_of_mysql_holds: "splitter-mysql",
    the_splitter_of_sqlite_holds: "splitter-sqlite",
    tokens_hold: "tokens",
    directives_hold: "directives",
    names_hold: "names",
    placeholders_hold: "placeholders",
    the_project_file_holds: "project",
    windows_hold: "windows",
    selectors_hold: "selectors",
}

const PLANTED: Target = Target {
    name: "planted",
    holds: "no text has an egg before a nest",
    check: |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let (egg, nest) = (text.find("egg"), text.find("nest"));
        assert!(
            egg.is_none() || nest.is_none() || egg > nest,
            "an egg before a nest"
        );
    },
    words: &["egg", "nest"],
    seeds: "none",
    corpora: &[],
    by_name: false,
};

fn hunt_planted(seed: u64) -> (Tally, Option<greylag_fuzz::engine::Finding>) {
    hunt(begin(
        &PLANTED,
        &[b"a nest and a tree".to_vec()],
        seed,
        100_000,
    ))
}

#[test]
fn a_planted_fault_is_found_and_made_small() {
    let (_, finding) = hunt_planted(7);
    let finding = finding.expect("the planted fault");
    assert_eq!(finding.fault.message, "an egg before a nest");
    assert_eq!(String::from_utf8_lossy(&finding.input), "eggnest");
}

#[test]
fn the_same_seed_hunts_the_same_way() {
    assert_eq!(hunt_planted(3), hunt_planted(3));
}

#[test]
fn a_panic_of_a_target_is_told_with_its_place() {
    let Err(Fault { message, place }) = try_input(&PLANTED, b"egg nest") else {
        panic!("the target holds");
    };
    assert_eq!(message, "an egg before a nest");
    assert!(place.contains("smoke.rs"), "{place}");
}
