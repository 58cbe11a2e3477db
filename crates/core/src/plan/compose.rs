//! From what was seen to a plan.

use super::{
    digest,
    error::{ChangedFile, PlanError, Unbuilt},
    files::Files,
    gather::{Groups, Lane},
    index::IndexCell,
    input::{Candidate, Input},
    judge::Law,
    parts::{Plan, PlannedMigration, PlannedShard, Stage, Wave},
    stages, waves,
};
use crate::{
    fleet::ShardName,
    migration::{Migration, MigrationId, Version},
    online::Asked,
    policy::{Budget, Scope},
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// The version of the document.
pub(super) const SCHEMA: &str = "greylag.plan/v1";

/// Decides everything that can be decided before a shard is touched.
///
/// A changed file refuses the plan as a whole; what else can't go is held, with its reasons, in the plan.
pub fn plan(input: &Input<'_>) -> Result<Plan, PlanError> {
    let files = Files::of(input.migrations)?;
    check_names(input)?;
    check_target(input.scope, input.migrations)?;
    refuse_changed(input)?;

    let lane = Lane::of(input, &files);
    let law = Law {
        files: &files,
        policy: input.policy,
        scope: input.scope,
        flyway_table: input.flyway_table,
        reviewed: input.reviewed,
        refused_there: input.refused_there,
        lane: &lane.everywhere,
    };
    let groups = Groups::of(input, lane.has_others, |reading, newcomer| {
        law.judge(reading, newcomer)
    });
    let runs: BTreeSet<u32> = groups.numbers(|judgement| &judgement.runs);
    let catching_up: BTreeSet<u32> = groups.numbers(|judgement| &judgement.lane);
    refuse_unbuilt(
        runs.union(&catching_up)
            .map(|number| (files.get(*number), !runs.contains(number))),
    )?;

    refuse_unable_online(
        input,
        runs.union(&catching_up).map(|number| files.get(*number)),
    )?;

    let with_work: Vec<&Candidate> = groups.with_work(input);
    let waves = waves::assign(input, &with_work)?;
    let shards = in_order_of(&waves, &with_work);
    let stages: Vec<Stage> = stages::cut(&catching_up, &runs, &files)
        .iter()
        .map(|cut| {
            let lacks = groups.lacks(cut);
            let of_shard = shards
                .iter()
                .map(|shard| (&shard.name, groups.share(&shard.name, &lacks)));
            stages::fill(cut, of_shard, &files)
        })
        .collect();
    let migrations: BTreeSet<u32> = runs.union(&catching_up).copied().collect();
    Ok(finish(
        input,
        Parts {
            migrations: migrations.iter().map(|n| describe(files.get(*n))).collect(),
            shards,
            waves,
            stages,
            held: groups.held(input, &files),
        },
    ))
}

/// What differs between a plan forward and one backward.
pub(super) struct Parts {
    pub migrations: Vec<PlannedMigration>,
    pub shards: Vec<PlannedShard>,
    pub waves: Vec<Wave>,
    pub stages: Vec<Stage>,
    pub held: Vec<super::held::Held>,
}

pub(super) fn finish(input: &Input<'_>, parts: Parts) -> Plan {
    let shards = parts.shards.len() as u64;
    let budget = match input.policy.failure_budget {
        Budget::Shards(count) => count,
        Budget::Percent(hundredths) => {
            u32::try_from(shards * u64::from(hundredths) / 10_000).unwrap_or(u32::MAX)
        }
    };
    let mut plan = Plan {
        schema: SCHEMA.to_owned(),
        digest: String::new(),
        project: input.project.to_owned(),
        environment: input.environment.to_owned(),
        scope: input.scope.clone(),
        migrations: parts.migrations,
        shards: parts.shards,
        waves: parts.waves,
        stages: parts.stages,
        held: parts.held,
        findings: input
            .reviewed
            .map_or_else(Vec::new, |reviewed| reviewed.findings.clone()),
        subscribers: Vec::new(),
        policy: input.policy.clone(),
        budget,
        settings: input.settings.to_owned(),
        index: IndexCell::default(),
    };
    plan.digest = digest::of(&plan);
    plan
}

pub(super) fn describe(migration: &Migration) -> PlannedMigration {
    PlannedMigration {
        id: migration.id.clone(),
        description: migration.description.clone(),
        script: migration.script.clone(),
        phase: migration.directives.phase,
        change: migration.directives.change.clone(),
        checksum: migration.checksum,
        sha256: migration.sha256.clone(),
        config: migration.config.clone(),
    }
}

/// The shards wave by wave.
pub(super) fn in_order_of(waves: &[Wave], with_work: &[&Candidate]) -> Vec<PlannedShard> {
    let by_name: HashMap<&ShardName, &Candidate> = with_work
        .iter()
        .map(|candidate| (&candidate.shard.name, *candidate))
        .collect();
    waves
        .iter()
        .flat_map(|wave| &wave.shards)
        .map(|name| PlannedShard {
            name: name.clone(),
            uuid: by_name[name].uuid,
            host: by_name[name].shard.host.clone(),
        })
        .collect()
}

pub(super) fn check_names(input: &Input<'_>) -> Result<(), PlanError> {
    if input.shards.is_empty() {
        return Err(PlanError::NoShards);
    }
    let mut names = HashSet::with_capacity(input.shards.len());
    for candidate in &input.shards {
        if !names.insert(&candidate.shard.name) {
            return Err(PlanError::DuplicateShard(candidate.shard.name.clone()));
        }
    }
    let unknown: Vec<ShardName> = input
        .scope
        .only
        .iter()
        .flatten()
        .filter(|name| !names.contains(name))
        .cloned()
        .collect();
    let Some(first) = unknown.first() else {
        return Ok(());
    };
    let nearest = nearest(first.as_str(), names.iter().map(|name| name.as_str()));
    Err(PlanError::UnknownShards {
        names: unknown,
        nearest,
    })
}

/// A version that no file has is told before anything is looked at, or gone on with.
pub fn check_target(scope: &Scope, migrations: &[Migration]) -> Result<(), PlanError> {
    let Some(to) = &scope.to else {
        return Ok(());
    };
    let versions = || {
        let ids = migrations.iter().map(|migration| &migration.id);
        ids.filter_map(|id| match id {
            MigrationId::Versioned(version) => Some(version),
            MigrationId::Repeatable(_) | MigrationId::Undo(_) => None,
        })
    };
    if versions().any(|version| version == to) {
        return Ok(());
    }
    Err(PlanError::UnknownVersion {
        to: to.clone(),
        nearest: nearest(to.as_str(), versions().map(Version::as_str)),
    })
}

pub(super) fn nearest<'a>(name: &str, among: impl Iterator<Item = &'a str>) -> Option<String> {
    among
        .map(|other| (strsim::damerau_levenshtein(name, other), other))
        .min()
        .filter(|(distance, other)| *distance <= 2.max(other.len() / 3))
        .map(|(_, other)| other.to_owned())
}

/// Applied migrations whose files say something else now: no shard in scope may be touched.
pub(super) fn refuse_changed(input: &Input<'_>) -> Result<(), PlanError> {
    let mut changed: BTreeMap<_, Vec<ShardName>> = BTreeMap::new();
    for (candidate, reading) in input.readings().filter(|(c, _)| input.in_scope(c)) {
        for change in &reading.changed {
            changed
                .entry((&change.migration, change.applied, change.file))
                .or_default()
                .push(candidate.shard.name.clone());
        }
    }
    if changed.is_empty() {
        return Ok(());
    }
    let files = changed
        .into_iter()
        .map(|((migration, applied, file), shards)| ChangedFile {
            migration: migration.clone(),
            applied,
            file: Some(file),
            shards,
        })
        .collect();
    Err(PlanError::ChangedOnDisk(files))
}

/// A directive that changes how a file runs is never ignored.
pub(super) fn refuse_unbuilt<'a>(
    migrations: impl Iterator<Item = (&'a Migration, bool)>,
) -> Result<(), PlanError> {
    let unbuilt: Vec<Unbuilt> = migrations
        .flat_map(|(migration, only_newcomers)| {
            let mut names = migration.directives.not_built_yet();
            // No app reads an empty new shard yet.
            names.retain(|name| !(only_newcomers && *name == "requires-app"));
            names.into_iter().map(|directive| Unbuilt {
                script: migration.script.clone(),
                directive,
            })
        })
        .collect();
    if unbuilt.is_empty() {
        Ok(())
    } else {
        Err(PlanError::NotBuiltYet(unbuilt))
    }
}

/// What `online` asks for is there, and possible on each shard: a tool that nobody has described can't be started, and where a
/// statement can't name its way there is nothing to hand over.
pub(super) fn refuse_unable_online<'a>(
    input: &Input<'_>,
    migrations: impl Iterator<Item = &'a Migration>,
) -> Result<(), PlanError> {
    let policy = &input.policy.online;
    let unable: Vec<ShardName> = (input.shards.iter())
        .filter(|candidate| input.in_scope(candidate) && !candidate.shard.engine.facts().online_ddl)
        .map(|candidate| candidate.shard.name.clone())
        .collect();
    for migration in migrations {
        let script = migration.script.clone();
        let asked = Asked::of(migration.directives.online.as_deref());
        if let Some(tool) = asked.tool().filter(|tool| policy.tool(tool).is_none()) {
            let known = policy.tool_names().into_iter().map(str::to_owned);
            return Err(PlanError::UnknownTool {
                script,
                tool: tool.to_owned(),
                known: known.collect(),
            });
        }
        if asked != Asked::Auto && !unable.is_empty() {
            return Err(PlanError::NoOnlineDdl {
                script,
                shards: unable,
            });
        }
        if let Some(tool) = asked.tool() {
            refuse_unfit(input, script, tool)?;
        }
    }
    Ok(())
}

/// A tool is not begun on a server that it can't work with: its own refusal would come when statements before it have run.
fn refuse_unfit(input: &Input<'_>, script: String, tool: &str) -> Result<(), PlanError> {
    let Some(rule) = input.policy.online.tool(tool) else {
        return Ok(());
    };
    let unfit = (input.shards.iter())
        .filter(|candidate| input.in_scope(candidate))
        .filter_map(|candidate| {
            let why = rule.unfit(tool, candidate.shard.engine)?;
            Some((why, candidate.shard.name.clone()))
        });
    let (reasons, shards): (Vec<_>, Vec<_>) = unfit.unzip();
    match reasons.first() {
        None => Ok(()),
        Some(why) => Err(PlanError::UnfitTool {
            script,
            tool: tool.to_owned(),
            why,
            shards,
        }),
    }
}
