//! What CASCADE takes along with a thing that the file makes again.

use crate::{
    judge::Scene,
    operation::{Action, ConstraintKind, Kind, Name, Operation},
};
use greylag_core::script::{TokenKind, tokens};

/// What goes with it and isn't made again behind it, in words: views over a table or a view, and foreign keys to it; of a function,
/// which nobody knows the users of, all of them, unless something that names it is made again.
pub(super) fn taken_along(scene: &Scene<'_>, kind: Kind, name: &Name) -> Vec<String> {
    match kind {
        Kind::Table | Kind::View | Kind::MaterializedView => {
            let views = scene.catalog.views_over(name).into_iter();
            let views = views
                .filter(|view| !is_view_made(scene, view))
                .map(|view| format!("the view {view}"));
            let keys = scene.catalog.referencing(name).into_iter();
            let keys = keys
                .filter(|(other, key)| !is_key_made(scene, &other.name, &key.columns))
                .map(|(other, _)| format!("a foreign key of {}", other.name));
            views.chain(keys).collect()
        }
        Kind::Function if !is_used_again(scene, name) => {
            vec!["whatever trigger, view or policy calls it".to_owned()]
        }
        _ => Vec::new(),
    }
}

fn is_view_made(scene: &Scene<'_>, view: &Name) -> bool {
    let mut later = scene.operations[scene.index..].iter();
    later.any(|operation| match operation {
        Operation::Create(create) => {
            let read = matches!(create.kind, Kind::View | Kind::MaterializedView);
            let name = create.name.as_ref().filter(|_| read);
            name.is_some_and(|name| scene.catalog.is_same(name, view))
        }
        _ => false,
    })
}

fn is_key_made(scene: &Scene<'_>, table: &Name, columns: &[String]) -> bool {
    let mut later = scene.operations[scene.index..].iter();
    later.any(|operation| match operation {
        Operation::AlterTable(alter) if alter.name.is(table) => {
            alter.actions.iter().any(|(action, _)| {
                let Action::AddConstraint(constraint) = action else {
                    return false;
                };
                matches!(&constraint.kind, ConstraintKind::ForeignKey { columns: own, .. } if own == columns)
            })
        }
        _ => false,
    })
}

/// A later statement makes a trigger, a view, a policy or a rule that names the function.
fn is_used_again(scene: &Scene<'_>, function: &Name) -> bool {
    let script = &scene.content.script;
    let mut later = (scene.index + 1..scene.operations.len()).filter(|at| {
        matches!(&scene.operations[*at], Operation::Create(create)
            if matches!(create.kind, Kind::Trigger | Kind::View | Kind::MaterializedView | Kind::Policy | Kind::Rule))
    });
    later.any(|at| {
        let sql = script.sql(&script.statements[at]);
        tokens(script.dialect, sql).any(|token| {
            let text = &sql[token.span];
            match token.kind {
                TokenKind::Word => text.eq_ignore_ascii_case(&function.name),
                TokenKind::Name => text.trim_matches('"') == function.name,
                _ => false,
            }
        })
    })
}
