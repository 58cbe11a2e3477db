//! `greylag lint --fix`: writes the rewrites that are mechanical.

use super::{Lint, applied::Applied, scope::Scope};
use crate::{
    output::{Screen, count},
    problem::Problem,
    workplace::shown,
};
use greylag_core::migration::{FileName, MigrationId};
use greylag_lint::{Finding, Report, Unit, fix};
use greylag_orchestrator::{Exit, files::FoundFile};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// Writes the rewrites: the first file of each in place, the others beside it. Ends as a review of what is there then.
pub(super) async fn write_fixes(
    verb: &Lint,
    screen: &Screen,
    scope: &mut Scope,
    report: &Report,
) -> Result<Exit, Problem> {
    let wanted = scope.wanted(verb)?;
    let applied = Applied::of(scope).await?;
    let mut paths = BTreeSet::new();
    let mut files = 0;
    for file in &scope.files {
        let findings: Vec<&Finding> = report.of(&file.script).collect();
        let open = |finding: &&&Finding| finding.allowed.is_none() && finding.fix.is_some();
        let Some(engine) = findings.iter().find(open).map(|finding| finding.engine) else {
            continue;
        };
        if let Some(why) = applied.why(file) {
            screen.say(format!(
                "{}: left as it is: {why}; write the next version instead",
                shown(&file.path)
            ));
            continue;
        }
        let config = file.config.as_ref();
        let unit = Unit::read(
            engine,
            &file.script,
            &file.bytes,
            config.map(|(script, bytes)| (script.as_str(), bytes.as_slice())),
            &scope.placeholders,
        );
        let own: Vec<&Finding> = findings
            .into_iter()
            .filter(|f| f.engine == engine)
            .collect();
        let new = unit
            .content
            .ok()
            .and_then(|content| fix::apply(&content, &own));
        let Some(new) = new else {
            screen.say(format!(
                "{}: its findings have rewrites, but the file can't be cut (repeatable, undo, placeholders, transactions, settings, locks or temporary tables of its own); see `greylag lint`",
                shown(&file.path)
            ));
            continue;
        };
        if let Some((script, _)) = config.filter(|_| new.len() > 1) {
            screen.say(format!(
                "{}: it has to be cut in {}, and {script} would count for the first alone; say what it says with directives, then run this again",
                shown(&file.path),
                new.len()
            ));
            continue;
        }
        if let Some(taken) = taken(scope, &file.script, &new) {
            screen.say(format!(
                "{}: it has to be cut in {}, and the version of {taken} is among those that it needs; give that file another one, then run this again",
                shown(&file.path),
                new.len()
            ));
            continue;
        }
        paths.extend(write_files(screen, file, &new)?);
        files += 1;
    }
    let left = scope.review_again(wanted.as_ref(), &paths)?;
    let open = |finding: &&Finding| finding.holds();
    let errors = left.findings.iter().filter(open).count();
    let told = match errors {
        0 => "read them, then run `greylag lint` again".to_owned(),
        errors => format!("{} left; `greylag lint` says which", count(errors, "error")),
    };
    screen.result(match (files, errors) {
        (0, 0) => "nothing to rewrite".to_owned(),
        (0, _) => format!("nothing to rewrite; {told}"),
        (files, _) => format!("{} rewritten; {told}", count(files, "file")),
    });
    Ok(match verb.fail_on.is_met(left.worst()) {
        true => Exit::Problems,
        false => Exit::Done,
    })
}

/// A known file whose version is one of the new files', or between them.
fn taken<'s>(scope: &'s Scope, script: &str, new: &[fix::NewFile]) -> Option<&'s str> {
    let version = |script: &str| match FileName::parse(script).ok()?.ok()?.id {
        MigrationId::Versioned(version) => Some(version),
        _ => None,
    };
    let (first, last) = (version(script)?, version(&new.last()?.script)?);
    let others = scope.files.iter().map(|file| file.script.as_str());
    let mut others = others.filter(|other| *other != script);
    others.find(|other| version(other).is_some_and(|version| first <= version && version <= last))
}

fn write_files(
    screen: &Screen,
    file: &FoundFile,
    new: &[fix::NewFile],
) -> Result<Vec<PathBuf>, Problem> {
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
    Ok(paths)
}
