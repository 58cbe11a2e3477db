//! The fleet: what the project names, united with what its sources find.

use super::{
    catalog::Catalog,
    command,
    error::{DiscoverError, Trouble},
    file, glob,
    record::{Extra, Record, draft},
};
use crate::{
    fleet::Fleet,
    project::{Member, Project, Replicas, Source, SourceKind},
};
use futures::future::join_all;
use std::{collections::HashMap, sync::Arc};

/// A fleet, and what was said about its shards beside how to reach them.
#[derive(Clone, Debug)]
pub struct Found {
    pub fleet: Fleet,
    /// In the fleet's order.
    pub replicas: Vec<Replicas>,
    /// Who named each shard, in the fleet's order.
    pub origins: Vec<Arc<str>>,
}

/// Asks all sources and unites them with the shards of the project file, ordered by name.
pub async fn discover(project: &Project) -> Result<Found, DiscoverError> {
    let asked = join_all(
        project
            .sources
            .iter()
            .map(|source| members(project, source)),
    )
    .await;
    let mut troubles = Vec::new();
    let mut all = project.shards.clone();
    for (source, answer) in project.sources.iter().zip(asked) {
        match answer {
            Ok(members) => all.extend(members),
            Err(found) => troubles.extend(found.into_iter().map(|t| t.of(&source.title))),
        }
    }
    troubles.extend(met_twice(&all));
    if all.is_empty() && troubles.is_empty() {
        let hint = "add a `[[shard]]` or a `[[discover]]` to it";
        let message = format!("{} names no shard", project.file.display());
        troubles.push(Trouble::new(message).hint(hint));
    }
    if !troubles.is_empty() {
        return Err(DiscoverError { troubles });
    }
    all.sort_by(|a, b| a.shard.shard.name.cmp(&b.shard.shard.name));
    let mut found = Found {
        fleet: Fleet {
            project: Arc::clone(&project.name),
            environment: Arc::clone(&project.environment),
            shards: Vec::with_capacity(all.len()),
        },
        replicas: Vec::with_capacity(all.len()),
        origins: Vec::with_capacity(all.len()),
    };
    for member in all {
        found.fleet.shards.push(member.shard);
        found.replicas.push(member.replicas);
        found.origins.push(member.origin);
    }
    Ok(found)
}

async fn members(project: &Project, source: &Source) -> Result<Vec<Member>, Vec<Trouble>> {
    let (records, extra) = ask(project, source)
        .await
        .map_err(|trouble| vec![trouble])?;
    if records.is_empty() && !source.allow_empty {
        let message = "it found no shard".to_owned();
        let hint = "an empty answer is taken for a mistake; `allow-empty = true` permits it";
        return Err(vec![Trouble::new(message).hint(hint)]);
    }
    let mut members = Vec::with_capacity(records.len());
    let mut troubles = Vec::new();
    for (at, record) in records.into_iter().enumerate() {
        let row = at + 1;
        let origin: Arc<str> = format!("row {row} of the source `{}`", source.title).into();
        let placed = |trouble: Trouble| Trouble {
            message: format!("row {row}: {}", trouble.message),
            ..trouble
        };
        match draft(record, source, extra, &project.folder) {
            Err(trouble) => troubles.push(placed(trouble)),
            Ok(draft) => {
                let name = draft.name.clone();
                match project.recipe.member(draft, origin) {
                    Ok(member) => members.push(member),
                    Err(complaints) => troubles.extend(complaints.into_iter().map(|complaint| {
                        placed(Trouble {
                            source: None,
                            message: format!(
                                "shard `{}`: {}",
                                name.escape_debug(),
                                complaint.message
                            ),
                            hint: complaint.hint,
                        })
                    })),
                }
            }
        }
    }
    if troubles.is_empty() {
        Ok(members)
    } else {
        Err(troubles)
    }
}

async fn ask(project: &Project, source: &Source) -> Result<(Vec<Record>, Extra), Trouble> {
    match &source.kind {
        SourceKind::File { path } => file::rows(path).await,
        SourceKind::Glob { pattern, naming } => Ok((
            glob::rows(pattern, naming, &project.folder)?,
            Extra::Mistakes,
        )),
        SourceKind::Command { argv } => {
            let rows = command::rows(argv, &project.folder, source.timeout).await?;
            Ok((rows, Extra::Mistakes))
        }
        SourceKind::Sql {
            address,
            password,
            query,
        } => {
            let catalog = Catalog {
                source,
                address,
                password: password.as_ref(),
            };
            Ok((catalog.rows(query).await?, Extra::Labels))
        }
        SourceKind::Databases {
            address,
            password,
            matching,
            naming,
        } => {
            let catalog = Catalog {
                source,
                address,
                password: password.as_ref(),
            };
            Ok((catalog.databases(matching, naming).await?, Extra::Mistakes))
        }
        SourceKind::Schemas {
            address,
            password,
            matching,
            naming,
        } => {
            let catalog = Catalog {
                source,
                address,
                password: password.as_ref(),
            };
            Ok((catalog.schemas(matching, naming).await?, Extra::Mistakes))
        }
    }
}

fn met_twice(all: &[Member]) -> Vec<Trouble> {
    let mut first: HashMap<&str, &Member> = HashMap::new();
    let mut troubles = Vec::new();
    for member in all {
        let name = member.shard.shard.name.as_str();
        if let Some(before) = first.get(name) {
            let message = format!(
                "the shard `{name}` is named twice: by {} and by {}",
                before.origin, member.origin
            );
            let hint = "each shard has one name and one place that names it";
            troubles.push(Trouble::new(message).hint(hint));
        } else {
            first.insert(name, member);
        }
    }
    troubles
}
