use super::*;

fn names(sql: &str) -> (Rule, Vec<String>) {
    let touched = touched(sql);
    let names = touched.objects.into_iter().map(|o| match o.schema {
        Some(schema) => format!("{schema}.{}", o.name),
        None => o.name,
    });
    (touched.rule, names.collect())
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|n| n.to_string()).collect()
}

#[test]
fn a_created_table_is_found_behind_options_and_comments() {
    let appear = Rule::Appear { with_rows: false };
    assert_eq!(
        names("CREATE TABLE IF NOT EXISTS `a b`.`c``d` (x int)"),
        (appear.clone(), owned(&["a b.c`d"]))
    );
    assert_eq!(
        names("/* why */ create -- so\n table t (x int)"),
        (appear.clone(), owned(&["t"]))
    );
    assert_eq!(
        names("/*!50001 CREATE TABLE t (x int) */"),
        (appear, owned(&["t"]))
    );
    assert_eq!(
        names("CREATE TABLE t AS SELECT 1"),
        (Rule::Appear { with_rows: true }, owned(&["t"]))
    );
}

#[test]
fn an_altered_table_is_found_with_its_new_name() {
    assert_eq!(
        names("ALTER ONLINE TABLE t ADD COLUMN c int"),
        (Rule::Change, owned(&["t"]))
    );
    assert_eq!(
        names("ALTER TABLE t RENAME COLUMN a TO b, RENAME TO u"),
        (Rule::Change, owned(&["t", "u"]))
    );
    assert!(matches!(
        names("ALTER TABLE t EXCHANGE PARTITION p WITH TABLE u").0,
        Rule::Unknown { .. }
    ));
}

#[test]
fn an_index_is_looked_for_on_its_table() {
    assert_eq!(
        names("CREATE UNIQUE INDEX i ON d.t (a)"),
        (Rule::Change, owned(&["d.t"]))
    );
    assert_eq!(names("DROP INDEX i ON t"), (Rule::Change, owned(&["t"])));
}

#[test]
fn dropped_things_are_all_named() {
    assert_eq!(
        names("DROP TABLE a, `b`"),
        (Rule::Vanish { again: false }, owned(&["a", "b"]))
    );
    assert_eq!(
        names("DROP VIEW IF EXISTS v"),
        (Rule::Vanish { again: true }, owned(&["v"]))
    );
}

#[test]
fn a_view_s_definer_does_not_hide_its_name() {
    let sql = "CREATE ALGORITHM=UNDEFINED DEFINER=`root`@`%` SQL SECURITY DEFINER VIEW `v` AS SELECT 1 FROM `table`";
    assert_eq!(
        names(sql),
        (Rule::Appear { with_rows: false }, owned(&["v"]))
    );
    assert_eq!(
        names("CREATE OR REPLACE VIEW v AS SELECT 1"),
        (Rule::Change, owned(&["v"]))
    );
}

#[test]
fn a_swap_names_each_table_once() {
    let (rule, tables) = names("RENAME TABLE a TO t, b TO a, t TO b");
    assert_eq!(tables, owned(&["a", "t", "b"]));
    assert!(matches!(rule, Rule::Rename { pairs } if pairs.len() == 3));
}
