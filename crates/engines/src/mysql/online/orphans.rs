//! A tool's statements that still run on the server when the tool is gone: a RENAME that waits for a lock would still take place.
//!
//! Only what this attempt's tables are named in is ended, and only among the account's own connections.

use super::marks::ToolMark;
use crate::mysql::{
    link::{Link, Trouble},
    names::OWN,
};
use greylag_core::{
    engine::Dialect,
    script::{TokenKind, tokens},
};
use std::time::{Duration, Instant};

/// How long the server gets to end what a tool had begun there.
const PATIENCE: Duration = Duration::from_secs(60);

/// Ends them, and waits until they are gone. False where one of them stays.
pub async fn end(
    link: &mut Link,
    mark: &ToolMark,
    told: &mut Vec<String>,
) -> Result<bool, Trouble> {
    let until = Instant::now() + PATIENCE;
    let own = link.id().to_string();
    let user = user(link).await?;
    let mut ended: Vec<String> = Vec::new();
    loop {
        let shown = link.run("SHOW FULL PROCESSLIST").await?;
        let busy: Vec<String> = (0..shown.rows.len())
            .filter(|row| shown.named(*row, "User") == Some(&user))
            .filter(|row| {
                let statement = shown.named(*row, "Info").unwrap_or_default();
                is_its(statement, shown.named(*row, "db"), mark)
            })
            .filter_map(|row| shown.named(row, "Id").map(str::to_owned))
            .filter(|id| *id != own)
            .collect();
        if busy.is_empty() {
            return Ok(true);
        }
        for id in busy {
            if !ended.contains(&id) {
                match link.run(format!("KILL {id}")).await {
                    Ok(_) => told.push(format!("ended the connection {id} of {}", mark.tool)),
                    // Gone by itself.
                    Err(Trouble::Server(_)) => {}
                    Err(lost) => return Err(lost),
                }
                ended.push(id);
            }
        }
        if Instant::now() > until {
            return Ok(false);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The name that this connection has logged in with.
async fn user(link: &mut Link) -> Result<String, Trouble> {
    let user = link.value("SELECT USER()").await?.unwrap_or_default();
    Ok(match user.rsplit_once('@') {
        Some((name, _)) => name.to_owned(),
        None => user,
    })
}

/// Whether a statement is about what the tool made. A new table's name tells; the name of the table with the old rows does where it
/// has this attempt's mark, or where that table is dropped: another run of the tool names it too.
fn is_its(statement: &str, database: Option<&str>, mark: &ToolMark) -> bool {
    let names = tables_of(statement, database, &mark.schema);
    let says = |wanted: &str| names.iter().any(|name| name.eq_ignore_ascii_case(wanted));
    if OWN.iter().any(|own| says(own)) {
        return false;
    }
    let is_drop = (tokens(Dialect::Mysql, statement).next())
        .is_some_and(|first| statement[first.span].eq_ignore_ascii_case("DROP"));
    mark.makes.iter().any(|made| says(made))
        || mark
            .keeps
            .as_ref()
            .is_some_and(|kept| says(kept) && (is_drop || mark.is_marked(kept)))
}

/// Whether a trigger's body, or another statement of that schema, names a table of it.
pub fn names_table(statement: &str, schema: &str, table: &str) -> bool {
    let names = tables_of(statement, Some(schema), schema);
    names.iter().any(|name| name.eq_ignore_ascii_case(table))
}

/// The names in a statement that may be tables of that schema: those that it has before them, and those that have none where it is the
/// connection's own. No word within a text is one.
fn tables_of(statement: &str, database: Option<&str>, schema: &str) -> Vec<String> {
    let all: Vec<_> = tokens(Dialect::Mysql, statement).collect();
    let name = |at: usize| {
        let token = all.get(at)?;
        let text = &statement[token.span.clone()];
        match token.kind {
            TokenKind::Word => Some(text.to_owned()),
            TokenKind::Name => {
                let inner = text.strip_prefix('`')?.strip_suffix('`')?;
                Some(inner.replace("``", "`"))
            }
            _ => None,
        }
    };
    let is_dot = |at: usize| {
        all.get(at)
            .is_some_and(|token| token.kind == TokenKind::Symbol(b'.'))
    };
    let is_there = |at: &usize| {
        let before = match *at >= 2 && is_dot(at - 1) {
            true => name(at - 2),
            false => database.map(str::to_owned),
        };
        before.is_some_and(|before| before.eq_ignore_ascii_case(schema))
    };
    (0..all.len()).filter(is_there).filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(makes: &str, keeps: &str) -> ToolMark {
        ToolMark {
            tool: "stand-in".into(),
            sign: "gl01ab23".into(),
            schema: "shop".into(),
            table: "orders".into(),
            makes: vec![makes.into()],
            keeps: Some(keeps.into()),
            ..ToolMark::default()
        }
    }

    #[test]
    fn a_statement_is_a_tool_s_by_whole_names_in_its_own_schema() {
        let mark = mark("_orders_gl01ab23", "_orders_old");
        for (sql, database) in [
            (
                "RENAME TABLE `shop`.`orders` TO `shop`.`_orders_old`, `shop`.`_orders_gl01ab23` TO `shop`.`orders`",
                None,
            ),
            (
                "INSERT LOW_PRIORITY IGNORE INTO _orders_gl01ab23 SELECT * FROM orders",
                Some("shop"),
            ),
            ("DROP TABLE IF EXISTS `shop`.`_orders_old`", Some("other")),
        ] {
            assert!(is_its(sql, database, &mark), "{sql}");
        }
        for (sql, database) in [
            (
                "INSERT INTO _orders_gl01ab23 SELECT * FROM orders",
                Some("sister"),
            ),
            ("INSERT INTO _orders_gl01ab23 SELECT * FROM orders", None),
            (
                "INSERT INTO sister._orders_gl01ab23 SELECT * FROM orders",
                Some("shop"),
            ),
            ("SELECT * FROM archive_orders_old", Some("shop")),
            ("SELECT '_orders_gl01ab23', \"_orders_old\"", Some("shop")),
            (
                "INSERT INTO greylag_step VALUES ('_orders_old', _orders_gl01ab23)",
                Some("shop"),
            ),
            // Another run of the tool, by hand.
            (
                "RENAME TABLE orders TO _orders_old, _orders_new TO orders",
                Some("shop"),
            ),
        ] {
            assert!(!is_its(sql, database, &mark), "{sql}");
        }
    }

    #[test]
    fn the_old_rows_name_tells_where_it_has_the_mark() {
        let marked = mark("_orders_gl01ab23_gho", "_orders_gl01ab23_del");
        let sql = "lock tables `shop`.`orders` write, `shop`.`_orders_gl01ab23_del` write";
        assert!(is_its(sql, None, &marked));
        let mark = mark("_orders_gho", "_orders_del");
        assert!(!is_its(
            "lock tables orders write, _orders_del write",
            Some("shop"),
            &mark
        ));
        assert!(!is_its(
            "SELECT can_orders_del FROM roles",
            Some("shop"),
            &mark
        ));
    }
}
