//! Flyway's checksums and histories of real projects.

use crate::{
    history::{self, HistoryRow},
    migration::{FileName, Migration, Set, placeholder},
};
use std::{collections::BTreeMap, fs, path::Path};

#[test]
fn every_checksum_is_flyways() {
    let Some(folder) = crate::corpora::folder() else {
        return;
    };
    let table = fs::read_to_string(folder.join("_flyway/checksums.csv")).unwrap();
    let mut compared = 0;
    for line in table.lines().skip(1) {
        let [corpus, file, sha256, checksum] = line.split(',').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let bytes = fs::read(folder.join(corpus).join(file)).unwrap();
        let migration = Migration::read(file, &bytes, None)
            .unwrap_or_else(|e| panic!("{corpus}/{file}: {e:?}"));
        assert_eq!(migration.sha256, sha256, "{corpus}/{file}");
        assert_eq!(migration.checksum.to_string(), checksum, "{corpus}/{file}");
        compared += 1;
    }
    assert!(compared > 2_600, "{compared}");
}

#[test]
fn the_corners_have_flyways_checksums() {
    let Some(folder) = crate::corpora::folder() else {
        return;
    };
    let placeholders = BTreeMap::from([("t".to_owned(), "tbl".to_owned())]);
    let table = fs::read_to_string(folder.join("_flyway/edge_checksums.csv")).unwrap();
    let mut compared = 0;
    for line in table.lines().skip(1) {
        let columns: Vec<&str> = line.split(',').collect();
        let (file, checksum) = (columns[0], columns[3]);
        if checksum == "ERROR" {
            let bytes = fs::read(folder.join("_flyway/edge_error").join(file)).unwrap();
            let errors = Migration::read(file, &bytes, None).unwrap_err();
            assert!(errors[0].to_string().contains("is not UTF-8"), "{errors:?}");
            continue;
        }
        let bytes = fs::read(folder.join("_flyway/edge").join(file)).unwrap();
        // We refuse what no database takes, and still agree on its checksum.
        if bytes.contains(&0) {
            assert!(Migration::read(file, &bytes, None).is_err());
            let ours = crate::migration::flyway_checksum(std::str::from_utf8(&bytes).unwrap());
            assert_eq!(ours.to_string(), checksum, "{file}");
            continue;
        }
        let migration = Migration::read(file, &bytes, None).unwrap();
        let source = placeholder::replace(&migration, &placeholders).unwrap();
        assert_eq!(
            placeholder::checksum(&migration, &source).to_string(),
            checksum,
            "{file}"
        );
        compared += 1;
    }
    assert_eq!(compared, 19);
}

#[test]
fn flyways_own_histories_read_as_applied_and_unchanged() {
    let Some(folder) = crate::corpora::folder() else {
        return;
    };
    let mut read = 0;
    for entry in fs::read_dir(folder.join("_flyway/history")).unwrap() {
        let path = entry.unwrap().path();
        let corpus = path
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .split('.')
            .next()
            .unwrap();
        let set = set(&folder.join(corpus));
        let rows = rows(&path);
        let checksums = set.checksums(&BTreeMap::new()).unwrap();
        let reading = history::read(&rows, &set, &checksums).unwrap();
        assert_eq!(reading.changed, [], "{corpus}");
        assert_eq!(
            (reading.missing.len(), reading.future.len()),
            (0, 0),
            "{corpus}"
        );
        let failed = rows.iter().filter(|row| !row.success).count();
        assert_eq!(reading.failed.len(), failed, "{corpus}");
        assert_eq!(reading.applied.len(), rows.len() - failed, "{corpus}");
        // Flyway stopped at the first failure: what follows is pending, nothing before it.
        assert_eq!(
            reading.pending.len(),
            set.len() - reading.applied.len(),
            "{corpus}"
        );
        assert_eq!(reading.out_of_order, [], "{corpus}");
        if failed == 0 && rows.len() == set.len() {
            assert_eq!(reading.pending, [], "{corpus}");
        }
        read += 1;
    }
    assert_eq!(read, 22);
}

fn set(folder: &Path) -> Set {
    let names = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let names = names.map(|name| name.into_string().unwrap());
    let names = names.filter(|name| matches!(FileName::parse(name), Ok(Ok(_))));
    let read = |name: String| {
        let bytes = fs::read(folder.join(&name)).unwrap();
        Migration::read(&name, &bytes, None).unwrap()
    };
    Set::new(names.map(read).collect()).unwrap_or_else(|e| panic!("{folder:?}: {e:?}"))
}

fn rows(path: &Path) -> Vec<HistoryRow> {
    let text = fs::read_to_string(path).unwrap();
    let separator = if path.extension().is_some_and(|e| e == "tsv") {
        '\t'
    } else {
        ','
    };
    let row = |line: &str| {
        let columns: Vec<&str> = line.split(separator).collect();
        assert_eq!(columns.len(), 10, "{line}");
        let known = |column: usize| Some(columns[column]).filter(|c| !c.is_empty() && *c != "NULL");
        HistoryRow {
            installed_rank: columns[0].parse().unwrap(),
            version: known(1).map(str::to_owned),
            description: columns[2].to_owned(),
            kind: columns[3].to_owned(),
            script: columns[4].to_owned(),
            checksum: known(5).map(|c| c.parse().unwrap()),
            installed_by: columns[6].to_owned(),
            installed_on: columns[7].to_owned(),
            execution_time: columns[8].parse().unwrap(),
            success: matches!(columns[9], "1" | "t"),
        }
    };
    text.lines().skip(1).map(row).collect()
}
