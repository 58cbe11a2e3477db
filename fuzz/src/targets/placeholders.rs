//! Placeholders: the text is the one a plain reading gives, and every byte of it has a place in the file.

use super::Target;
use greylag_core::migration::{Migration, placeholder};
use std::collections::BTreeMap;

pub(super) const TARGET: Target = Target {
    name: "placeholders",
    holds: "values stand where names stood; every byte has its place in the file",
    check,
    words: &[
        "${",
        "}",
        "${a}",
        "${A}",
        "${empty}",
        "${lines}",
        "${none}",
        "${flyway:filename}",
        "${FLYWAY:filename}",
        "$${a}",
        "${${a}}",
        "${ a }",
        "\n",
        "\r\n",
        "${a}${a}",
        "ü",
    ],
    seeds: "placeholders",
    corpora: &["_postgres", "_mysql"],
    by_name: false,
};

fn check(bytes: &[u8]) {
    let Ok(migration) = Migration::read("folder/V1__x.sql", bytes, None) else {
        return;
    };
    let values: BTreeMap<String, String> = [
        ("a", "one"),
        ("empty", ""),
        ("Lines", "1\n2\nß ${a}"),
        ("ü", "umlaut"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    let file = &*migration.text;
    let source = match placeholder::replace(&migration, &values) {
        Ok(source) => source,
        Err(error) => {
            assert!(
                read_plainly(file, &values).is_none(),
                "refused, and nothing is missing: {error}"
            );
            assert!(file[error.span.clone()].starts_with("${"), "{error:?}");
            return;
        }
    };
    assert_eq!(Some(source.text().to_string()), read_plainly(file, &values));
    assert_eq!(&**source.file(), file);
    let text = source.text();
    let lines = file.matches(['\n', '\r']).count() + 1;
    let mut before = 0;
    for (at, char) in text.char_indices() {
        let place = source.file_offset(at);
        assert!(
            before <= place && place <= file.len(),
            "byte {at} of the text is byte {place} of the file"
        );
        assert!(
            file.is_char_boundary(place),
            "byte {at} is within a character of the file"
        );
        let same = file[place..].starts_with(char);
        assert!(
            same || file[place..].starts_with("${"),
            "byte {at}, {char:?}, comes from elsewhere"
        );
        before = place;
        let span = source.file_span(at..text.len());
        assert!(span.start <= span.end && span.end <= file.len(), "{span:?}");
        assert!(source.position(at).line as usize <= lines);
        assert_eq!(source.position(at).line, source.line(at));
    }
    let checksum = placeholder::checksum(&migration, &source);
    assert_eq!(
        checksum, migration.checksum,
        "a versioned file's checksum is the file's"
    );
}

/// Nothing if a name has no value, or no end.
fn read_plainly(file: &str, values: &BTreeMap<String, String>) -> Option<String> {
    let mut parts = file.split("${");
    let mut text = parts.next()?.to_owned();
    let mut open: Option<String> = None;
    for part in parts {
        // Within a name that is still open, `${` is part of the name.
        let whole = open
            .take()
            .map_or_else(|| part.to_owned(), |name| name + "${" + part);
        let Some((name, rest)) = whole.split_once('}') else {
            open = Some(whole);
            continue;
        };
        let name = name.to_lowercase();
        let value = values
            .iter()
            .find(|(key, _)| key.to_lowercase() == name)
            .map(|(_, value)| value.as_str());
        text += value.or((name == "flyway:filename").then_some("V1__x.sql"))?;
        text += rest;
    }
    open.is_none().then_some(text)
}
