//! `[online]`: what is understood, and what is not.

use greylag_core::{
    engine::Engine,
    online::{OnlineDdl, PT_OSC},
};
use greylag_orchestrator::project::read;
use std::{path::Path, time::Duration};

const HEAD: &str = "project = \"orders\"\n";

fn mistakes(text: &str) -> Vec<String> {
    match read(Path::new("/srv/greylag.toml"), &format!("{HEAD}{text}")) {
        Ok(project) => panic!("no mistake: {:?}", project.policy.online),
        Err(error) => error.problems.iter().map(|p| p.message.clone()).collect(),
    }
}

#[test]
fn how_far_changes_of_tables_go_is_read_for_all_for_an_engine_and_for_a_shard() {
    let text = format!(
        "{HEAD}[online]\nddl = \"instant\"\nmariadb = \"inplace\"\nshards = {{ \"eu-1\" = \"off\" }}\n\
         inplace-up-to = \"20GB\"\ncopy-up-to = 1048576\ntimeout = \"48h\"\n\
         [online.tool.pt-online-schema-change]\nprogram = \"/opt/pt\"\narguments = [\"--max-load=Threads_running=50\"]\n\
         [online.tool.shift]\ncommand = [\"shift\", \"--alter={{alter}}\"]\nmakes = [\"_{{table}}_{{mark}}\"]\nkeep-old-rows = false\n"
    );
    let project = read(Path::new("/srv/greylag.toml"), &text).unwrap();
    let online = &project.policy.online;
    assert_eq!(online.ddl, OnlineDdl::Instant);
    assert_eq!(
        online.engines.get(&Engine::Mariadb),
        Some(&OnlineDdl::Inplace)
    );
    assert_eq!(
        online.of(&"eu-1".parse().unwrap(), Engine::Mariadb),
        OnlineDdl::Off
    );
    assert_eq!(
        (online.inplace_up_to, online.copy_up_to),
        (20 << 30, 1 << 20)
    );
    assert_eq!(online.timeout, Duration::from_secs(48 * 3600));
    // What a known tool leaves behind is known, whatever else is said of it.
    let known = online.tool(PT_OSC).unwrap();
    assert_eq!(known.program.as_deref(), Some("/opt/pt"));
    assert_eq!(known.triggers.len(), 3);
    assert_eq!(online.tool("shift").unwrap().command[0], "shift");
    assert!(online.tool("shift").unwrap().triggers.is_empty());
    assert_eq!(known.keep_old_rows, None);
    assert_eq!(online.tool("shift").unwrap().keep_old_rows, Some(false));
}

#[test]
fn nothing_said_is_what_is_usual() {
    let project = read(Path::new("/srv/greylag.toml"), HEAD).unwrap();
    assert!(project.policy.online.is_usual());
    // So that digests of plans from before it stay true.
    let policy = serde_json::to_value(&project.policy).unwrap();
    assert!(policy.get("online").is_none(), "{policy}");
}

#[test]
fn mistakes_are_told_with_what_is_known() {
    assert_eq!(
        mistakes("[online]\nddl = \"copy\"\ninplace-up-to = \"much\"\n"),
        [
            "`copy` is no way to change tables: instant, inplace, off",
            "`inplace-up-to` is no size: `much`"
        ]
    );
    assert_eq!(
        mistakes("[online.tool.shift]\nmakes = [\"x\"]\n"),
        ["the tool `shift` has no `command`"]
    );
    let told = mistakes("[online.tool.shift]\ncommand = [\"shift\", \"{tabel}\"]\n");
    assert!(
        told[0].starts_with("`{tabel}` is no placeholder"),
        "{told:?}"
    );
    let told = mistakes("[online.tool.off]\ncommand = [\"shift\"]\n");
    assert!(told[0].contains("`off` says something else"), "{told:?}");
}
