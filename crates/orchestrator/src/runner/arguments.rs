//! The command line of a tool: the project's own, or the built-in one of a tool that is known.

use super::{folder::Folder, ghost};
use greylag_core::online::{GH_OST, PT_OSC, ToolRule};
use greylag_engines::TableChange;

/// What `{placeholders}` of a command may say.
pub const PLACEHOLDERS: [&str; 15] = [
    "host",
    "port",
    "socket",
    "user",
    "schema",
    "table",
    "alter",
    "new-table",
    "mark",
    "login-file",
    "pause-file",
    "folder",
    "lock-timeout",
    "settings",
    "server-id",
];

/// Program and arguments.
pub fn command(name: &str, rule: &ToolRule, change: &TableChange, folder: &Folder) -> Vec<String> {
    let built_in = |template: &[&str]| -> Vec<String> {
        let program = rule.program.as_deref().unwrap_or(name);
        let arguments = template.iter().map(|text| (*text).to_owned());
        let mut command = vec![program.to_owned()];
        command.extend(arguments);
        command
    };
    let template = match (rule.command.is_empty(), name) {
        (true, PT_OSC) => built_in(&PT_OSC_ARGUMENTS),
        (true, GH_OST) => built_in(&GH_OST_ARGUMENTS),
        _ => rule.command.clone(),
    };
    let mut command: Vec<String> = (template.iter())
        .map(|text| fill(text, change, folder))
        .collect();
    if is_built_in_ghost(name, rule) {
        command.push(format!(
            "--assume-master-host={}",
            ghost::instance(&change.access)
        ));
        let named = ghost::name_between(change);
        command.extend(named.map(|name| format!("--force-table-names={name}")));
        command.extend(ghost::tls(&change.access));
        command.push(format!(
            "--cut-over-lock-timeout-seconds={}",
            (change.lock_timeout_seconds).clamp(*CUT_OVER_SECONDS.start(), *CUT_OVER_SECONDS.end())
        ));
    }
    command.extend(rule.arguments.iter().map(|text| fill(text, change, folder)));
    if rule.command.is_empty() && name == PT_OSC {
        if !rule
            .arguments
            .iter()
            .any(|text| text.starts_with("--plugin"))
        {
            command.push(fill("--plugin={folder}/hold.pm", change, folder));
        }
        command.push(dsn(change, folder));
    }
    command
}

/// Whether gh-ost is run by the command line that is known here.
pub fn is_built_in_ghost(name: &str, rule: &ToolRule) -> bool {
    rule.command.is_empty() && name == GH_OST
}

/// Lag is Greylag's to watch, on every node that the project names: the tool looks for no replicas of its own, which it could not on
/// servers that its version doesn't know.
const PT_OSC_ARGUMENTS: [&str; 10] = [
    "--execute",
    "--alter={alter}",
    "--new-table-name={new-table}",
    "--recursion-method=none",
    "--no-version-check",
    "--charset=utf8mb4",
    "--progress=time,10",
    "--pause-file={pause-file}",
    "--set-vars={settings}",
    "--no-check-replication-filters",
];

/// It is told who the primary is: left to find out, it would follow a primary that is a replica of something else up to that, and
/// restart replication there.
///
/// Rows that the new table does not take end it: it passes over them otherwise, and they would be gone.
///
/// It does not ask whether the server calls its port as it is called here: the working connection has proven which server it is.
const GH_OST_ARGUMENTS: [&str; 16] = [
    "--execute",
    "--conf={folder}/gh-ost.cnf",
    "--host={host}",
    "--port={port}",
    "--database={schema}",
    "--table={table}",
    "--alter={alter}",
    "--allow-on-master",
    "--assume-rbr",
    "--skip-port-validation",
    "--replica-server-id={server-id}",
    "--throttle-flag-file={pause-file}",
    "--serve-socket-file={folder}/gh-ost.sock",
    "--ok-to-drop-table",
    "--panic-on-warnings",
    "--verbose",
];

/// What it takes for the time that writes may wait while the tables change places.
const CUT_OVER_SECONDS: std::ops::RangeInclusive<u64> = 1..=10;

/// Commas part a DSN.
fn dsn(change: &TableChange, folder: &Folder) -> String {
    let plain = |text: &str| text.replace(',', "\\,");
    format!(
        "F={},D={},t={}",
        plain(&folder.pt_login().display().to_string()),
        plain(&change.schema),
        plain(&change.table)
    )
}

/// One pass: what a value says is never read as a placeholder.
fn fill(text: &str, change: &TableChange, folder: &Folder) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        filled.push_str(&rest[..open]);
        let inner = &rest[open + 1..];
        let named = inner
            .find('}')
            .and_then(|end| Some((end, value(&inner[..end], change, folder)?)));
        match named {
            Some((end, value)) => {
                filled.push_str(&value);
                rest = &inner[end + 1..];
            }
            None => {
                filled.push('{');
                rest = inner;
            }
        }
    }
    filled.push_str(rest);
    filled
}

fn value(name: &str, change: &TableChange, folder: &Folder) -> Option<String> {
    let access = &change.access;
    let path = |path: std::path::PathBuf| path.display().to_string();
    Some(match name {
        "host" => access.host.clone(),
        "port" => access.port.to_string(),
        "socket" => access.socket.clone().unwrap_or_default(),
        "user" => access.user.clone(),
        "schema" => change.schema.clone(),
        "table" => change.table.clone(),
        "alter" => change.alter.clone(),
        "new-table" => change.new_table.clone().unwrap_or_default(),
        "mark" => change.mark.clone(),
        "login-file" => path(folder.login()),
        "pause-file" => path(folder.pause_file()),
        "folder" => folder.path().display().to_string(),
        "lock-timeout" => change.lock_timeout_seconds.to_string(),
        "server-id" => ghost::server_id(&change.mark).to_string(),
        "settings" => {
            let mut settings = format!("lock_wait_timeout={}", change.lock_timeout_seconds);
            for setting in change.settings {
                settings.push(',');
                settings.push_str(setting);
            }
            settings
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use greylag_engines::{Access, Secret};

    fn change() -> TableChange {
        TableChange {
            access: Access {
                host: "10.0.0.1".into(),
                port: 3306,
                socket: None,
                user: "greylag".into(),
                password: Some(Secret::new("hunter2")),
                tls: None,
            },
            schema: "my,shop".into(),
            table: "orders".into(),
            alter: "ADD c varchar(9) DEFAULT '{host}', ADD INDEX (c)".into(),
            mark: "gl01ab23".into(),
            new_table: Some("_orders_gl01ab23".into()),
            lock_timeout_seconds: 2,
            settings: &["explain_format=TRADITIONAL"],
        }
    }

    #[test]
    fn no_command_line_shows_the_password() {
        let change = change();
        let folder = Folder::make(&change.access).unwrap();
        for name in [PT_OSC, GH_OST] {
            let rule = ToolRule::known(name).unwrap();
            let command = command(name, &rule, &change, &folder);
            assert_eq!(command[0], name);
            assert!(!command.concat().contains("hunter2"));
            let alter = "--alter=ADD c varchar(9) DEFAULT '{host}', ADD INDEX (c)".to_owned();
            assert!(command.contains(&alter), "{command:?}");
        }
    }

    #[test]
    fn arguments_of_the_project_come_behind_those_of_the_tool() {
        let change = change();
        let folder = Folder::make(&change.access).unwrap();
        let rule = ToolRule {
            arguments: vec!["--max-load=Threads_running=99".into()],
            program: Some("/opt/pt".into()),
            ..ToolRule::known(PT_OSC).unwrap()
        };
        let command = command(PT_OSC, &rule, &change, &folder);
        assert_eq!(command[0], "/opt/pt");
        let last = command.last().unwrap();
        assert!(
            last.starts_with("F=/") && last.ends_with(",D=my\\,shop,t=orders"),
            "{last}"
        );
        assert!(command.contains(&"--max-load=Threads_running=99".to_owned()));
        let settings = "--set-vars=lock_wait_timeout=2,explain_format=TRADITIONAL";
        assert!(command.contains(&settings.to_owned()), "{command:?}");
    }

    #[test]
    fn gh_ost_is_told_its_primary_and_names_of_its_own() {
        let mut change = change();
        change.new_table = Some("_orders_gl01ab23_gho".into());
        change.lock_timeout_seconds = 30;
        let folder = Folder::make(&change.access).unwrap();
        let mut rule = ToolRule::known(GH_OST).unwrap();
        rule.arguments = vec!["--chunk-size=10".into()];
        let command = command(GH_OST, &rule, &change, &folder);
        for argument in [
            "--assume-master-host=10.0.0.1:3306",
            "--force-table-names=orders_gl01ab23",
            "--replica-server-id=1191291683",
            "--cut-over-lock-timeout-seconds=10",
        ] {
            assert!(command.iter().any(|text| text == argument), "{command:?}");
        }
        assert_eq!(command.last().unwrap(), "--chunk-size=10");
    }

    #[test]
    fn every_placeholder_has_a_value() {
        let change = change();
        let folder = Folder::make(&change.access).unwrap();
        for name in PLACEHOLDERS {
            assert!(value(name, &change, &folder).is_some(), "{name}");
        }
        assert_eq!(
            fill("{nothing} {table", &change, &folder),
            "{nothing} {table"
        );
    }
}
