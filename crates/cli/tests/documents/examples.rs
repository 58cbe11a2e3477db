//! `examples/`: each project is read, with its migrations; those that need no server are discovered, too.

use crate::root;
use greylag_orchestrator::{discover::discover, files::read_folders, project};
use std::fs;

#[test]
fn every_example_is_a_project_that_reads_without_a_mistake() {
    let mut seen = 0;
    for entry in fs::read_dir(root().join("examples")).unwrap() {
        let folder = entry.unwrap().path();
        if !folder.is_dir() {
            continue;
        }
        seen += 1;
        let file = folder.join("greylag.toml");
        let project = match project::load(&file) {
            Ok(project) => project,
            Err(error) => panic!("{}: {error:?}", file.display()),
        };
        let files = read_folders(&project.migrations)
            .unwrap_or_else(|error| panic!("{}: {error:?}", folder.display()));
        assert!(
            files.set.iter().count() > 0,
            "{} has no migration",
            folder.display()
        );
        assert!(files.passed_over.is_empty(), "{:?}", files.passed_over);
        assert!(
            !project.shards.is_empty() || !project.sources.is_empty(),
            "{} has no shard",
            folder.display()
        );
    }
    assert!(seen >= 4, "only {seen} examples");
}

#[tokio::test]
async fn the_files_that_the_example_of_sqlite_lists_are_its_fleet() {
    let file = root().join("examples/sqlite-fleet/greylag.toml");
    let found = discover(&project::load(&file).unwrap()).await.unwrap();
    assert_eq!(found.fleet.shards.len(), 6);
}
