//! What a right file is understood as.

use greylag_core::{
    node::NodeRole,
    policy::{Budget, Group, Size},
};
use greylag_orchestrator::journal::Location;
use greylag_orchestrator::project::{Expected, Project, Replicas, SourceKind, read};
use std::{path::Path, time::Duration};

fn project(text: &str) -> Project {
    match read(Path::new("/srv/orders/greylag.toml"), text) {
        Ok(project) => project,
        Err(error) => panic!("{error}: {:#?}", error.problems),
    }
}

const WHOLE: &str = r#"
project = "orders"
environment = "production"
migrations = ["migrations", "/srv/shared"]
history-table = "flyway_schema_history"
connect-timeout = "3s"

[placeholders]
owner = "app"
limit = 7

[state]
url = "postgres://greylag@10.0.0.8/greylag"
password = { env = "STATE_PASSWORD" }

[[shard]]
name = "eu-1"
primary = "postgres://greylag@10.0.0.1/orders"
replicas = ["postgres://greylag@10.0.0.2/orders", { name = "b", url = "postgres://10.0.0.3/orders", policy = "ignore", reason = "rebuilt" }]
schema = "tenant_17"
password = { env = "EU1_PASSWORD" }
host = "rack-3"
labels = { region = "eu", tier = "canary" }
session = ["SET ROLE owner"]

[[shard]]
name = "lite"
primary = "sqlite:data/lite.db"

[[discover]]
kind = "sql"
url = "postgres://greylag@10.0.0.9/catalog"
query = "SELECT name, primary_url FROM shards"

[session]
postgres = ["SET TIME ZONE 'UTC'"]

[rollout]
max-in-flight = 16
max-per-host = 2
failure-budget = "2%"
group = "never"
windows = ["Mon-Fri 22:00-05:00 Europe/Berlin"]

[[rollout.wave]]
name = "canary"
select = "tier=canary"
count = 1
soak = "5m"
[[rollout.wave]]
name = "small batch"
percent = 10
approval = true

[replicas]
wait = 1
max-lag = "5s"

[lock]
timeout = "500ms"
deadline = "1m"

[backfill]
batch-time = "200ms"

[[check]]
name = "error rate"
http = "http://127.0.0.1:9090/ok"
"#;

#[test]
fn every_section_is_understood() {
    let project = project(WHOLE);
    assert_eq!(&*project.name, "orders");
    assert_eq!(
        project.migrations,
        [
            Path::new("/srv/orders/migrations"),
            Path::new("/srv/shared")
        ]
    );
    assert_eq!(project.placeholders["limit"], "7");
    assert!(matches!(
        project.state,
        Location::Postgres {
            password: Some(_),
            ..
        }
    ));
    assert_eq!(project.state.shown(), "postgres://10.0.0.8/greylag");

    let policy = &project.policy;
    assert_eq!((policy.max_in_flight, policy.max_per_host), (16, 2));
    assert_eq!(policy.failure_budget, Budget::Percent(200));
    assert_eq!(policy.group, Group::Never);
    assert_eq!(policy.lock_timeout, Duration::from_millis(500));
    assert_eq!(policy.lock_deadline, Duration::from_secs(60));
    assert_eq!(policy.windows, ["Mon-Fri 22:00-05:00 Europe/Berlin"]);
    assert_eq!(policy.checks, ["error rate"]);
    let waves: Vec<_> = policy
        .waves
        .iter()
        .map(|wave| (wave.name.as_str(), wave.size, wave.approval))
        .collect();
    assert_eq!(
        waves,
        [
            ("canary", Size::Count(1), false),
            ("small batch", Size::Percent(1000), true),
            ("fleet", Size::Rest, false)
        ]
    );

    let eu = &project.shards[0];
    assert_eq!(&*eu.shard.shard.host, "rack-3");
    assert_eq!(eu.shard.shard.labels["tier"], "canary");
    assert_eq!(
        &*eu.shard.target.session_sql,
        ["SET TIME ZONE 'UTC'", "SET ROLE owner"]
    );
    assert_eq!(&*eu.shard.target.history_table, "flyway_schema_history");
    assert_eq!(eu.shard.target.connect_timeout, Duration::from_secs(3));
    assert_eq!(eu.replicas.listed(), 2);
    assert_eq!(&*eu.origin, "/srv/orders/greylag.toml:17");
    let lite = &project.shards[1];
    assert_eq!(
        lite.shard.target.url.as_str(),
        "sqlite:/srv/orders/data/lite.db"
    );
    assert_eq!(lite.replicas, Replicas::Unstated);
    assert!(matches!(project.sources[0].kind, SourceKind::Sql { .. }));
    assert_eq!(project.replicas.wait, Expected::Number(1));
}

#[test]
fn what_holds_a_rollout_is_read_and_a_replica_ignored_until_a_day_is_guarded_from_then_on() {
    let project = project(
        "project = \"p\"\n[[shard]]\nname = \"a\"\nprimary = \"postgres://h/a\"\nreplicas = [{ url = \"postgres://r/a\", policy = \"ignore\", reason = \"rebuilt\", until = \"2027-01-31\" }, { url = \"postgres://s/a\", policy = \"observe\", role = \"subscriber\" }]\n[replicas]\nmax-lag = \"1s\"\nmax-slot-retained = \"16GB\"\nmax-active = 40\ncatching-up = \"exclude\"\naddresses = { b = \"b.example:6000\" }\n",
    );
    let settings = &project.replicas;
    assert_eq!(settings.limits.resume_lag, Duration::from_secs(1));
    assert_eq!(settings.limits.slot_retained, Some(16 << 30));
    assert_eq!(settings.limits.active, Some(40));
    assert_eq!(settings.addresses["b"], "b.example:6000");
    let Replicas::Listed(list) = &project.shards[0].replicas else {
        panic!("they are listed")
    };
    let day = |text: &str| text.parse().unwrap();
    assert!(!list[0].policy.guards(day("2027-01-30T23:59:59Z")));
    assert!(list[0].policy.guards(day("2027-01-31T00:00:00Z")));
    assert!(!list[1].policy.guards(day("2027-01-31T00:00:00Z")));
    assert_eq!(list[1].role, NodeRole::Subscriber);
}

#[test]
fn what_is_read_and_not_done_yet_is_said() {
    let notes = project(WHOLE).notes;
    let lines: Vec<_> = notes
        .iter()
        .map(|note| (note.line, note.text.as_str()))
        .collect();
    insta::assert_debug_snapshot!(lines, @r#"
    [
        (
            63,
            "[backfill] is read and kept; this version of greylag runs no backfills yet",
        ),
    ]
    "#);
}

#[test]
fn a_small_file_has_a_canary_a_small_batch_and_the_rest() {
    let project = project("project = \"orders\"");
    assert_eq!(&*project.environment, "default");
    assert_eq!(project.migrations, [Path::new("/srv/orders/migrations")]);
    let Location::Sqlite { path } = &project.state else {
        panic!("the state should be embedded")
    };
    assert_eq!(path, Path::new("/srv/orders/.greylag/state.db"));
    let waves: Vec<_> = project
        .policy
        .waves
        .iter()
        .map(|w| (w.name.as_str(), w.size))
        .collect();
    assert_eq!(
        waves,
        [
            ("canary", Size::Count(1)),
            ("small batch", Size::Percent(1_000)),
            ("fleet", Size::Rest)
        ]
    );
    assert_eq!(project.policy.failure_budget, Budget::Shards(0));
    assert!(project.notes.is_empty());
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_read_over() {
    let project = project("\u{feff}project = \"orders\"\r\nenvironment = \"test\"\r\n");
    assert_eq!(&*project.environment, "test");
}

#[test]
fn shards_that_name_one_command_share_its_answer() {
    let one = |name: &str| {
        format!(
            "[[shard]]\nname = \"{name}\"\nprimary = \"postgres://h/{name}\"\npassword = {{ command = [\"vault\"], ttl = \"10m\" }}\n"
        )
    };
    let project = project(&format!("project = \"p\"\n{}{}", one("a"), one("b")));
    let password = |at: usize| project.shards[at].shard.target.password.clone().unwrap();
    assert!(std::sync::Arc::ptr_eq(&password(0), &password(1)));
}
