//! Every page: its commands run, its project files parse, its links lead somewhere.

use crate::{
    pages, root,
    runner::{Runner, blocks},
};
use std::path::Path;

#[test]
fn what_the_pages_show_runs_as_written() {
    let mut commands = 0;
    for (name, text) in pages() {
        let mut runner = Runner::new(&name);
        for block in blocks(&text) {
            match block.mark {
                Some("run") => runner.console(&block.text),
                Some(mark) => {
                    let file = mark.strip_prefix("file ");
                    let file = file.unwrap_or_else(|| panic!("{name}: no mark `{mark}`"));
                    runner.write(file, &block.text);
                }
                None => {}
            }
        }
        commands += runner.commands;
    }
    assert!(commands > 40, "only {commands} commands found");
}

#[test]
fn every_piece_of_a_project_file_on_a_page_parses() {
    for (name, text) in pages() {
        for block in blocks(&text).iter().filter(|b| b.language == "toml") {
            let text = match block.text.starts_with("project = ") {
                true => block.text.clone(),
                false => format!("project = \"shop\"\n{}", block.text),
            };
            if let Err(error) =
                greylag_orchestrator::project::read(Path::new("greylag.toml"), &text)
            {
                panic!("{name}: {error:?}\nin\n{text}");
            }
        }
    }
}

#[test]
fn links_lead_to_files_that_are_there() {
    for (name, text) in pages() {
        for link in text.split("](").skip(1) {
            let link = link.split(')').next().unwrap();
            let file = link.split('#').next().unwrap();
            if !file.is_empty() && !file.starts_with("http") {
                let path = root().join("docs").join(file);
                assert!(path.exists(), "{name}: {link} leads nowhere");
            }
        }
    }
}

#[test]
fn the_index_names_every_page() {
    let index = crate::page("README.md");
    for (name, _) in pages().iter().filter(|(name, _)| name != "README.md") {
        assert!(
            index.contains(&format!("]({name})")),
            "{name} is not in docs/README.md"
        );
    }
}
