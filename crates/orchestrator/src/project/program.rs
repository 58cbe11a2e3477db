//! A command of the project file, run where that file lies: paths in it are relative to it, wherever greylag was called from.

use std::path::Path;
use tokio::process::Command;

/// Program and arguments, not started yet; none for an empty list.
pub(crate) fn program(argv: &[String], folder: &Path) -> Option<Command> {
    let (program, arguments) = argv.split_first()?;
    // Which folder a relative program is looked for in differs between platforms, where both could be meant. One without a folder
    // is looked for in PATH.
    let mut command = match program.contains('/') {
        true => Command::new(folder.join(program)),
        false => Command::new(program),
    };
    command.args(arguments).current_dir(folder);
    Some(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn said(argv: &[&str], folder: &Path) -> String {
        let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
        let output = program(&argv, folder).unwrap().output().await.unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    #[tokio::test]
    async fn a_program_is_found_beside_the_file_or_in_path_and_runs_beside_the_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path().canonicalize().unwrap();
        let script = here.join("tools/where");
        std::fs::create_dir(here.join("tools")).unwrap();
        std::fs::write(&script, "#!/bin/sh\npwd\n").unwrap();
        std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
        for program in ["tools/where", "./tools/where", "pwd"] {
            assert_eq!(said(&[program], &here).await, here.display().to_string());
        }
        assert!(program(&[], &here).is_none());
    }
}
