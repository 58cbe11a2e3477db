use super::*;

fn bytes_faults(bytes: &[u8]) -> Vec<String> {
    tell(&Migration::read("V1__a.sql", bytes, None).unwrap_err())
}

#[test]
fn a_byte_order_mark_is_no_text() {
    let plain = read("V1__a.sql", "SELECT 1;").unwrap();
    let marked = read("V1__a.sql", "\u{feff}SELECT 1;").unwrap();
    assert_eq!(marked.text, plain.text);
    assert_eq!(marked.checksum, plain.checksum);
    assert_ne!(marked.sha256, plain.sha256);
}

#[test]
fn an_empty_file_is_a_migration_without_statements() {
    let empty = read("V1__a.sql", "").unwrap();
    assert_eq!((empty.checksum, &*empty.text), (0, ""));
}

#[test]
fn what_is_not_utf8_is_told_with_offset_and_line() {
    assert_eq!(
        bytes_faults(b"SELECT 1;\n-- caf\xe9\n"),
        ["V1__a.sql:2:7: the file is not UTF-8: byte 0xe9 at offset 16 | Save the file as UTF-8."]
    );
}

#[test]
fn a_nul_is_told_with_its_place() {
    let told = bytes_faults(b"SELECT 1;\r\n a\0b");
    assert!(
        told[0].starts_with("V1__a.sql:2:3: the file has a NUL byte at offset 13"),
        "{told:?}"
    );
}

#[test]
fn name_directives_and_config_are_judged_at_once() {
    let errors = Migration::read(
        "V1_a.sql",
        b"-- greylag:fase expand\n",
        Some(("V1_a.sql.conf", b"x=1")),
    )
    .unwrap_err();
    let told = tell(&errors);
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(
        told.iter()
            .any(|t| t.contains("V1_a.sql.conf:1:1: unknown setting `x`")),
        "{told:?}"
    );
    assert!(
        told.iter()
            .any(|t| t.ends_with("unknown directive `fase` | Did you mean `phase`?")),
        "{told:?}"
    );
}

#[test]
fn a_file_of_fifty_megabytes_is_read() {
    let line = format!("INSERT INTO t VALUES (1, '{}');\n", "text ".repeat(2_000));
    let text = line.repeat(50_000_000 / line.len() + 1);
    let migration = read("V1__a.sql", &text).unwrap();
    assert!(migration.text.len() > 50_000_000);
    let script =
        crate::script::split(crate::engine::Dialect::Postgres, migration.text.clone()).unwrap();
    assert_eq!(script.statements.len(), text.len() / line.len());
    assert!(script.is_large());
    assert_eq!(
        script.statements.last().unwrap().line as usize,
        script.statements.len()
    );
}
