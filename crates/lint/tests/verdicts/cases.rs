//! A file of cases: `-- given`, then `-- case NAME` before each.

/// What is given, and each case by its name.
pub fn cases(text: &str) -> (String, Vec<(&str, String)>) {
    let mut given = String::new();
    let mut cases: Vec<(&str, String)> = Vec::new();
    let mut begun = false;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("-- case ") {
            cases.push((name, String::new()));
        } else if line == "-- given" {
            begun = true;
        } else if begun {
            let into = cases.last_mut().map_or(&mut given, |(_, sql)| sql);
            into.push_str(line);
            into.push('\n');
        }
    }
    (given, cases)
}
