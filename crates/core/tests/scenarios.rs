//! The planner's scenarios: text files that hold a fleet, its policy, what was seen, and then the plan as a person
//! would read it. `UPDATE_SCENARIOS=1` writes what is planned now into the files, for reading in review.

#[path = "scenarios/parse.rs"]
mod parse;

use greylag_core::plan::{PlanError, plan, render, undo};
use parse::{Direction, Scenario};
use std::{fs, path::PathBuf};

/// Parts a scenario's world from the plan that follows from it.
const RULE: &str = "----";

#[test]
fn every_scenario_plans_as_written() {
    let update = std::env::var_os("UPDATE_SCENARIOS").is_some();
    let mut wrong = Vec::new();
    let files = files();
    assert!(files.len() >= 20, "only {} scenarios", files.len());
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let (world, written) = text.split_once(&format!("{RULE}\n")).unwrap_or((&text, ""));
        let planned = planned(&Scenario::parse(world, &path));
        assert!(
            text.lines().count() <= 60,
            "{}: longer than a page",
            path.display()
        );
        if planned == written {
            continue;
        }
        if update {
            fs::write(&path, format!("{world}{RULE}\n{planned}")).unwrap();
        } else {
            wrong.push(format!(
                "{}\n-- planned --\n{planned}\n-- written --\n{written}",
                path.display()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn planned(scenario: &Scenario) -> String {
    let input = scenario.input();
    let made = match &scenario.direction {
        Direction::Forward => plan(&input),
        Direction::Undo(target) => undo(&input, target),
    };
    match made {
        Ok(plan) => render(&plan).replace(&plan.digest, "sha256:…"),
        Err(error) => format!("{}: {error}\n", kind(&error)),
    }
}

fn kind(error: &PlanError) -> &'static str {
    if error.is_refusal() {
        "refused"
    } else {
        "error"
    }
}

fn files() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    files
}
