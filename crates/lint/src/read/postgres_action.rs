//! The actions of PostgreSQL's ALTER TABLE, and SQLite's, which are among them.

use super::{
    column::{self, column, constraint},
    create::begins_constraint,
    cursor::Cursor,
    datatype::data_type,
    expression,
    reference::altered_constraint,
};
use crate::operation::{Action, Dropped, ReplicaIdentity};

pub(super) fn action(cursor: &mut Cursor<'_>) -> Option<Action> {
    let word = cursor.text().to_ascii_uppercase();
    cursor.advance();
    match word.as_str() {
        "ADD" => add(cursor),
        "DROP" => drop(cursor),
        "ALTER" if cursor.eat("CONSTRAINT") => altered_constraint(cursor),
        "ALTER" => alter_column(cursor),
        "RENAME" => rename(cursor),
        "SET" => set(cursor),
        "RESET" => Some(Action::Storage {
            parameters: parameters(cursor)?,
        }),
        "VALIDATE" if cursor.eat("CONSTRAINT") => Some(Action::ValidateConstraint {
            name: cursor.ident()?,
        }),
        "ATTACH" if cursor.eat("PARTITION") => {
            let partition = cursor.name()?;
            let default = cursor.is("DEFAULT");
            cursor.skip_clause();
            Some(Action::AttachPartition { partition, default })
        }
        "DETACH" if cursor.eat("PARTITION") => {
            let partition = cursor.name()?;
            let concurrently = cursor.eat_any(&["CONCURRENTLY", "FINALIZE"]);
            Some(Action::DetachPartition {
                partition,
                concurrently,
            })
        }
        "INHERIT" => Some(Action::Inherit {
            parent: cursor.name()?,
        }),
        "NO" if cursor.eat("INHERIT") => Some(Action::NoInherit {
            parent: cursor.name()?,
        }),
        "NO" if cursor.eat_all(&["FORCE", "ROW", "LEVEL", "SECURITY"]) => {
            Some(Action::RowSecurity { on: false })
        }
        "FORCE" if cursor.eat_all(&["ROW", "LEVEL", "SECURITY"]) => {
            Some(Action::RowSecurity { on: true })
        }
        "ENABLE" | "DISABLE" => switch(cursor, word == "ENABLE"),
        "REPLICA" if cursor.eat("IDENTITY") => replica_identity(cursor),
        "CLUSTER" if cursor.eat("ON") => {
            cursor.ident()?;
            Some(Action::ClusterOn)
        }
        "OWNER" if cursor.eat("TO") => {
            cursor.advance();
            Some(Action::Owner)
        }
        "OF" => {
            cursor.name()?;
            Some(Action::Inherit {
                parent: cursor.name()?,
            })
        }
        _ => None,
    }
}

fn add(cursor: &mut Cursor<'_>) -> Option<Action> {
    if begins_constraint(cursor) || cursor.is("NOT") && cursor.is_at(1, "NULL") {
        return constraint(cursor).map(Action::AddConstraint);
    }
    cursor.eat("COLUMN");
    let if_not_exists = cursor.if_not_exists();
    let column = Box::new(column(cursor)?);
    Some(Action::AddColumn {
        column,
        if_not_exists,
        placed: false,
    })
}

fn drop(cursor: &mut Cursor<'_>) -> Option<Action> {
    if cursor.eat("CONSTRAINT") {
        let if_exists = cursor.if_exists();
        let name = cursor.ident()?;
        let cascade = cursor.cascade();
        let kind = Dropped::Constraint;
        return Some(Action::DropConstraint {
            name,
            kind,
            if_exists,
            cascade,
        });
    }
    cursor.eat("COLUMN");
    let if_exists = cursor.if_exists();
    let column = cursor.ident()?;
    let cascade = cursor.cascade();
    Some(Action::DropColumn {
        column,
        if_exists,
        cascade,
    })
}

fn alter_column(cursor: &mut Cursor<'_>) -> Option<Action> {
    cursor.eat("COLUMN");
    let column = cursor.ident()?;
    if cursor.eat_all(&["SET", "NOT", "NULL"]) {
        Some(Action::SetNotNull { column })
    } else if cursor.eat_all(&["DROP", "NOT", "NULL"]) {
        Some(Action::DropNotNull { column })
    } else if cursor.eat_all(&["SET", "DEFAULT"]) {
        let default = expression::to_comma(cursor);
        Some(Action::SetDefault { column, default })
    } else if cursor.eat_all(&["DROP", "DEFAULT"]) {
        Some(Action::DropDefault { column })
    } else if cursor.eat_all(&["SET", "DATA", "TYPE"]) || cursor.eat("TYPE") {
        let data_type = data_type(cursor)?;
        let mut collation = None;
        if cursor.eat("COLLATE") {
            collation = Some(cursor.name()?.to_string());
        }
        let using = cursor.eat("USING") && {
            let span = cursor.skip_clause();
            !is_plain_cast(
                cursor.slice(span),
                &column,
                cursor.slice(data_type.span.clone()),
            )
        };
        cursor.cascade();
        Some(Action::AlterType {
            column,
            data_type,
            using,
            collation,
        })
    } else if cursor.eat_all(&["DROP", "EXPRESSION"]) {
        cursor.if_exists();
        Some(Action::DropExpression { column })
    } else if cursor.eat_all(&["SET", "EXPRESSION"]) {
        cursor.skip_clause();
        Some(Action::SetExpression { column })
    } else if cursor.eat_all(&["DROP", "IDENTITY"]) {
        cursor.if_exists();
        Some(Action::DropIdentity { column })
    } else if cursor.eat_all(&["ADD", "GENERATED"]) {
        cursor.skip_clause();
        Some(Action::AddIdentity { column })
    } else if cursor.is("SET")
        && (cursor.is_at(1, "GENERATED")
            || cursor.is_at(1, "INCREMENT")
            || cursor.is_at(1, "START")
            || cursor.is_at(1, "MAXVALUE")
            || cursor.is_at(1, "MINVALUE")
            || cursor.is_at(1, "CACHE")
            || cursor.is_at(1, "RESTART"))
        || cursor.is("RESTART")
    {
        let span = cursor.skip_clause();
        let mut words = cursor.slice(span).split_ascii_whitespace();
        let restart = words.any(|word| word.eq_ignore_ascii_case("RESTART"));
        Some(Action::SetIdentity { column, restart })
    } else if cursor.eat_all(&["SET", "STATISTICS"]) {
        cursor.skip_clause();
        Some(Action::SetStatistics)
    } else if cursor.eat_all(&["SET", "STORAGE"]) {
        cursor.advance();
        Some(Action::SetStorage { column })
    } else if cursor.eat_all(&["SET", "COMPRESSION"]) {
        cursor.advance();
        Some(Action::SetCompression { column })
    } else if cursor.eat_any(&["SET", "RESET"]) {
        cursor.group()?;
        Some(Action::ColumnOptions)
    } else {
        None
    }
}

/// `c::text`, which is what the server does without USING too.
fn is_plain_cast(expression: &str, column: &str, data_type: &str) -> bool {
    let plain = |text: &str| {
        let text = text.replace(['"', '(', ')'], " ").to_lowercase();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let same = |of: &str, to: &str| plain(of) == plain(column) && plain(to) == plain(data_type);
    expression
        .split_once("::")
        .is_some_and(|(of, to)| same(of, to))
}

fn rename(cursor: &mut Cursor<'_>) -> Option<Action> {
    if cursor.eat("TO") {
        return Some(Action::RenameTo(cursor.name()?));
    }
    let constraint = cursor.eat("CONSTRAINT");
    if !constraint && !cursor.is_at(1, "TO") {
        cursor.eat("COLUMN");
    }
    let from = cursor.ident()?;
    if !cursor.eat("TO") {
        return None;
    }
    let to = cursor.ident()?;
    Some(if constraint {
        Action::RenameConstraint { from, to }
    } else {
        Action::RenameColumn { from, to }
    })
}

fn set(cursor: &mut Cursor<'_>) -> Option<Action> {
    if cursor.eat("SCHEMA") {
        cursor.ident()?;
        Some(Action::SetSchema)
    } else if cursor.eat("LOGGED") {
        Some(Action::SetLogged)
    } else if cursor.eat("UNLOGGED") {
        Some(Action::SetUnlogged)
    } else if cursor.eat("TABLESPACE") {
        cursor.ident()?;
        Some(Action::SetTablespace)
    } else if cursor.eat_all(&["ACCESS", "METHOD"]) {
        cursor.ident()?;
        Some(Action::SetAccessMethod)
    } else if cursor.eat_all(&["WITHOUT", "CLUSTER"]) {
        Some(Action::ClusterOn)
    } else if cursor.eat_all(&["WITHOUT", "OIDS"]) {
        Some(Action::Harmless {
            what: "SET WITHOUT OIDS".to_owned(),
        })
    } else {
        Some(Action::Storage {
            parameters: parameters(cursor)?,
        })
    }
}

fn parameters(cursor: &mut Cursor<'_>) -> Option<Vec<String>> {
    let columns = column::parts(cursor.group()?);
    Some(columns.into_iter().flatten().collect())
}

fn switch(cursor: &mut Cursor<'_>, on: bool) -> Option<Action> {
    if cursor.eat_all(&["ROW", "LEVEL", "SECURITY"]) {
        return Some(Action::RowSecurity { on });
    }
    // ENABLE REPLICA: for whoever writes it is off.
    let on = on && !cursor.eat("REPLICA");
    cursor.eat("ALWAYS");
    if cursor.eat("TRIGGER") {
        let name = cursor.ident()?;
        return Some(Action::SwitchTrigger { name, on });
    }
    if cursor.eat("RULE") {
        let name = cursor.ident()?;
        return Some(Action::SwitchRule { name, on });
    }
    None
}

fn replica_identity(cursor: &mut Cursor<'_>) -> Option<Action> {
    let identity = if cursor.eat("FULL") {
        ReplicaIdentity::Full
    } else if cursor.eat("DEFAULT") {
        ReplicaIdentity::Default
    } else if cursor.eat("NOTHING") {
        ReplicaIdentity::Nothing
    } else if cursor.eat_all(&["USING", "INDEX"]) {
        ReplicaIdentity::Index(cursor.ident()?)
    } else {
        return None;
    };
    Some(Action::ReplicaIdentity(identity))
}
