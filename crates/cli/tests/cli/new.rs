use crate::place::Place;

#[test]
fn versions_count_up_as_wide_as_they_are() {
    let place = Place::with(1, &[("V0009__a.sql", "SELECT 1;")]);
    let said = place.run("new \"add total, in cents\" --phase expand --change order-totals");
    assert_eq!(
        (said.code, said.out.as_str()),
        (0, "migrations/V0010__add_total_in_cents.sql\n")
    );
    insta::assert_snapshot!(place.read("migrations/V0010__add_total_in_cents.sql"), @r#"
    -- greylag:phase expand
    -- greylag:change order-totals
    "#);
    let again = place.json("new views --repeatable --output json", 0);
    assert_eq!(again["schema"], "greylag.new/v1");
    assert!(place.path("migrations/R__views.sql").exists());
}

#[test]
fn the_first_version_is_one_and_makes_its_folder() {
    let place = Place::empty();
    place.write("greylag.toml", "project = \"p\"\n");
    assert_eq!(
        place.out("new \"create orders\"", 0),
        "migrations/V1__create_orders.sql\n"
    );
}

#[test]
fn a_contract_needs_its_change_and_a_name_its_letters() {
    let place = Place::with(1, &[]);
    insta::assert_snapshot!(place.err("new drop_old --phase contract", 2), @r#"
    error: a backfill or a contract belongs to a change
      hint: name it: `--change orders-total`; the expand of the change has the same name
    "#);
    insta::assert_snapshot!(place.err("new \"!?\"", 2), @r#"
    error: a migration needs a name of letters or digits
      hint: for instance: `greylag new "add total"`
    "#);
    place.out("new x --version 7", 0);
    insta::assert_snapshot!(place.err("new x --version 7", 2), @"error: migrations/V7__x.sql is there already");
    insta::assert_snapshot!(place.err("new x --version seven", 2), @r#"
    error: invalid value 'seven' for '--version <VERSION>': `seven` is not a version: digits in parts separated by `.` or `_` are expected, such as `1`, `2.1` or `20260131_1`

    For more information, try '--help'.
    "#);
}
