//! What a file hands to a tool is not judged as if the server did it.

use greylag_core::engine::Engine;
use greylag_lint::{Settings, Unit, lint};
use std::collections::BTreeMap;

fn rules(directives: &str) -> Vec<String> {
    let text = format!("{directives}ALTER TABLE orders MODIFY COLUMN total bigint;\n");
    let given = "CREATE TABLE orders (id bigint PRIMARY KEY, total int);\n";
    let unit = |script: &str, text: &str| {
        Unit::read(
            Engine::Mysql,
            script,
            text.as_bytes(),
            None,
            &BTreeMap::new(),
        )
    };
    let units = [
        unit("V1__orders.sql", given).earlier(),
        unit("V2__widen.sql", &text),
    ];
    let report = lint(&units, &Settings::default(), None);
    report.findings.iter().map(|f| f.rule.clone()).collect()
}

#[test]
fn a_copy_is_an_error_unless_a_tool_does_it() {
    let copies = "copies-table".to_owned();
    assert!(rules("").contains(&copies));
    assert!(rules("-- greylag:online inplace\n").contains(&copies));
    assert!(!rules("-- greylag:online pt-online-schema-change\n").contains(&copies));
}
