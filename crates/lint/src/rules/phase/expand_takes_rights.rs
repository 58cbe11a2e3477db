//! An expand takes rights that apps use.

use super::refused::has_words;
use crate::operation::{Action, Bytes, Change, Kind, Name, Operation};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, Rule, SERVERS},
};
use greylag_core::migration::Phase;

pub(super) static EXPAND_TAKES_RIGHTS: Rule = Rule {
    id: "expand-takes-rights",
    group: Group::Phase,
    severity: Some(Severity::Warning),
    dialects: SERVERS,
    title: "an expand takes rights that apps use",
    about: "REVOKE and OWNER TO take from a role what the old app may still do with it: a former owner keeps no right of its own. \
            ENABLE and FORCE ROW LEVEL SECURITY, a RESTRICTIVE policy and a changed policy hide rows and refuse writes. \
            Grant and add policies in the expand, take away in the contract. A permissive policy only adds.",
    bad: include_str!("expand_takes_rights/bad.sql"),
    good: include_str!("expand_takes_rights/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    if scene.phase() != Phase::Expand {
        return Vec::new();
    }
    let whole = scene.whole();
    match scene.operation {
        Operation::AlterTable(_) => scene
            .actions()
            .filter_map(|(table, action, span)| match action {
                Action::RowSecurity { on: true } => Some(hides(span, table)),
                Action::Owner => Some(takes(span, format!("the former owner of {table}"))),
                _ => None,
            })
            .collect(),
        Operation::Create(create)
            if create.kind == Kind::Policy
                && has_words(scene, scene.text(), &["AS", "RESTRICTIVE"]) =>
        {
            let table = create.on.iter().filter(|table| !scene.is_new(table));
            table.map(|table| hides(&whole, table)).collect()
        }
        Operation::Alter(alter) if alter.kind == Kind::Policy => {
            let renames = matches!(alter.change, Change::RenameTo(_));
            let table = alter
                .on
                .iter()
                .filter(|table| !renames && !scene.is_new(table));
            table.map(|table| hides(&whole, table)).collect()
        }
        Operation::Alter(alter) if alter.change == Change::Owner => {
            let name = alter.name.iter().filter(|name| !scene.is_made_here(name));
            name.map(|name| takes(&whole, format!("the former owner of {name}")))
                .collect()
        }
        Operation::Revoke(revoke) => {
            let old = |name: &&Name| !scene.is_new(name) && !scene.is_made_here(name);
            let mut names = revoke.names.iter().filter(old).peekable();
            if !revoke.names.is_empty() && names.peek().is_none() {
                return Vec::new();
            }
            let names: Vec<String> = names.map(ToString::to_string).collect();
            let of = match names.is_empty() {
                true => String::new(),
                false => format!(" to {}", names.join(", ")),
            };
            takes(&whole, format!("whoever had this right{of}")).alone()
        }
        _ => Vec::new(),
    }
}

fn takes(span: &Bytes, who: String) -> Draft {
    Draft::new(span.clone(), format!("{who} may do less from here on"))
        .why("The old app still runs, and may be that role, or one of its members: its statements are refused from here on.")
        .instead("Grant the new role what it needs first, and take the right in a file with `-- greylag:phase contract`.")
}

fn hides(span: &Bytes, table: &Name) -> Draft {
    Draft::new(span.clone(), format!("rows of {table} are hidden, and writes refused, by row level security"))
        .why("The old app doesn't know of it: where no policy lets it, it finds no rows, and its writes fail.")
        .instead("Create the policies first, see that every app meets them, and enable or restrict in a file with `-- greylag:phase contract`.")
}
