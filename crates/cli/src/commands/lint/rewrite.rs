//! `greylag lint --fix`: writes the rewrites that are mechanical.

use super::scope::Scope;
use crate::{
    output::{Screen, count},
    problem::Problem,
    workplace::shown,
};
use greylag_lint::{Report, Unit, fix};
use greylag_orchestrator::{Exit, files::FoundFile};
use std::path::{Path, PathBuf};

/// Writes the rewrites: the first file of each in place, the others beside it.
pub(super) fn write_fixes(
    screen: &Screen,
    scope: &Scope,
    report: &Report,
) -> Result<Exit, Problem> {
    let mut written = 0;
    for file in &scope.files {
        let fixes: Vec<_> = report
            .of(&file.script)
            .filter(|finding| finding.allowed.is_none())
            .filter_map(|finding| Some((finding.engine, finding.fix.as_ref()?)))
            .collect();
        let Some((engine, _)) = fixes.first() else {
            continue;
        };
        let config = file.config.as_ref();
        let unit = Unit::read(
            *engine,
            &file.script,
            &file.bytes,
            config.map(|(script, bytes)| (script.as_str(), bytes.as_slice())),
            &scope.placeholders,
        );
        let fixes: Vec<_> = fixes.iter().map(|(_, fix)| *fix).collect();
        let new = unit
            .content
            .ok()
            .and_then(|content| fix::apply(&content, &fixes));
        let Some(new) = new else {
            screen.say(format!(
                "{}: its findings have rewrites, but the file can't be cut (repeatable, undo, placeholders, or transactions of its own); see `greylag lint`",
                shown(&file.path)
            ));
            continue;
        };
        write_files(screen, file, &new)?;
        written += 1;
    }
    screen.result(match written {
        0 => "nothing to rewrite".to_owned(),
        files => format!(
            "{} rewritten; read them, then run `greylag lint` again",
            count(files, "file")
        ),
    });
    Ok(Exit::Done)
}

fn write_files(screen: &Screen, file: &FoundFile, new: &[fix::NewFile]) -> Result<(), Problem> {
    let folder = file.path.parent().unwrap_or(Path::new("."));
    let paths: Vec<PathBuf> = new
        .iter()
        .enumerate()
        .map(|(at, one)| match at {
            0 => file.path.clone(),
            _ => folder.join(one.script.rsplit('/').next().unwrap_or(&one.script)),
        })
        .collect();
    // All or nothing: a name that is taken is told before anything is written.
    if let Some(taken) = paths.iter().skip(1).find(|path| path.exists()) {
        return Err(Problem::usage(format!(
            "{} is there already; {} is left as it is",
            shown(taken),
            shown(&file.path)
        )));
    }
    // The new ones first: should the disk fill up, the old file still stands whole.
    for (path, one) in paths.iter().zip(new).rev() {
        std::fs::write(path, &one.text).map_err(|error| {
            Problem::new(Exit::Error, format!("{} can't be written", shown(path))).because(&error)
        })?;
        screen.result(format!("wrote {}", shown(path)));
    }
    Ok(())
}
