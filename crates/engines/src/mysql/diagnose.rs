//! What `greylag doctor` says of a shard on MySQL or MariaDB.

use super::{
    observe::{self, Answers, Refusal, Topic},
    quote,
    session::MysqlSession,
};
use crate::{
    error::EngineError,
    session::{Diagnosis, Level},
};

/// What Greylag itself needs on the database.
const NEEDED: [&str; 8] = [
    "SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "INDEX", "DROP",
];

/// What migrations usually need besides.
const USUAL: [&str; 6] = [
    "REFERENCES",
    "CREATE VIEW",
    "TRIGGER",
    "CREATE ROUTINE",
    "ALTER ROUTINE",
    "EVENT",
];

pub async fn diagnose(session: &mut MysqlSession) -> Result<Vec<Diagnosis>, EngineError> {
    let mut found = Vec::new();
    found.push(version(session));
    privileges(session, &mut found).await?;
    role(session, &mut found).await?;
    settings(session, &mut found).await?;
    engines(session, &mut found).await?;
    Ok(found)
}

fn version(session: &MysqlSession) -> Diagnosis {
    let (named, is) = (session.target.engine, session.flavour.engine());
    if named == is {
        return good(format!("{} {}", is.title(), session.version));
    }
    warning(
        format!(
            "the URL says {}, the server is {} {}",
            named.title(),
            is.title(),
            session.version
        ),
        Some(format!("write {}:// in the URL", is.as_str())),
    )
}

async fn privileges(
    session: &mut MysqlSession,
    found: &mut Vec<Diagnosis>,
) -> Result<(), EngineError> {
    let doing = "reading the account's privileges";
    let account = session.link.value("SELECT CURRENT_USER()").await;
    let account = account
        .map_err(|t| session.link.refused(t, doing))?
        .unwrap_or_default();
    let grants = session
        .link
        .run("SHOW GRANTS")
        .await
        .map_err(|t| session.link.refused(t, doing))?;
    let lines: Vec<String> = grants
        .rows
        .into_iter()
        .filter_map(|row| row.into_iter().next().flatten())
        .collect();
    let held = held(&lines, &session.names.database);
    let has_roles = lines
        .iter()
        .any(|line| !line.to_ascii_uppercase().contains(" ON "));
    let grantee = grantee(&account);
    for (wanted, what, level) in [
        (&NEEDED[..], "greylag needs", Level::Problem),
        (&USUAL[..], "migrations may need", Level::Warning),
    ] {
        let missing: Vec<&str> = wanted
            .iter()
            .copied()
            .filter(|p| !held.contains(&(*p).to_owned()))
            .collect();
        if missing.is_empty() {
            continue;
        }
        found.push(Diagnosis {
            // A role may give it; only trying would tell.
            level: if has_roles { Level::Warning } else { level },
            what: format!(
                "{account} lacks privileges that {what}: {}",
                missing.join(", ")
            ),
            mend: Some(format!(
                "GRANT {} ON {}.* TO {grantee};",
                missing.join(", "),
                quote::name(&session.names.database)
            )),
        });
    }
    let unseen = !held.contains(&"PROCESS".to_owned());
    if unseen {
        found.push(warning(
            "who holds a lock can't be named without PROCESS".into(),
            Some(format!("GRANT PROCESS ON *.* TO {grantee};")),
        ));
    }
    watching(session, &grantee, found).await
}

/// What the account may not see of replication.
async fn watching(
    session: &mut MysqlSession,
    grantee: &str,
    found: &mut Vec<Diagnosis>,
) -> Result<(), EngineError> {
    let look = session.flavour.look();
    let log = look.log.map(|log| log(&session.version));
    let questions: Vec<_> = look.questions.iter().chain(log).collect();
    let mut refusals = Vec::new();
    observe::ask(
        &mut session.link,
        &questions,
        None,
        &mut Answers::default(),
        &mut refusals,
    )
    .await
    .map_err(|t| session.link.refused(t, "looking at replication"))?;
    if refusals.iter().any(|r| r.topic == Topic::Replica) {
        let privilege = session.flavour.replica_privilege();
        found.push(warning(
            format!("whether this server is a replica can't be seen without {privilege}: one that accepts writes would pass for the primary"),
            Some(format!("GRANT {privilege} ON *.* TO {grantee};")),
        ));
    }
    let told = |refusal: &Refusal| {
        refusal.topic == Topic::Replica || refusal.grant.starts_with("PROCESS ")
    };
    refusals.retain(|refusal| !told(refusal));
    for (unseen, grant) in observe::by_grant(&refusals) {
        found.push(warning(
            format!("of a node that is watched it can't be seen: {unseen}"),
            Some(format!("GRANT {grant} TO {grantee};")),
        ));
    }
    Ok(())
}

/// What an account needs of a database, where it has nothing of it.
pub fn grant(database: &str, grantee: &str) -> String {
    format!(
        "GRANT {} ON {}.* TO {grantee};",
        NEEDED.join(", "),
        quote::name(database)
    )
}

/// An account as GRANT wants it written.
pub fn grantee(account: &str) -> String {
    match account.rsplit_once('@') {
        Some((user, host)) => format!(
            "'{}'@'{}'",
            user.replace('\'', "''"),
            host.replace('\'', "''")
        ),
        None => "CURRENT_USER()".into(),
    }
}

/// What the lines of SHOW GRANTS give on a database or globally, in upper case.
fn held(lines: &[String], database: &str) -> Vec<String> {
    let mut held = Vec::new();
    for line in lines {
        let Some(rest) = line.strip_prefix("GRANT ") else {
            continue;
        };
        let Some((privileges, on)) = rest.split_once(" ON ") else {
            continue;
        };
        let Some((place, _)) = on.split_once(" TO ") else {
            continue;
        };
        let global = place == "*.*";
        if !global && !covers(place, database) {
            continue;
        }
        for privilege in privileges.split(", ") {
            let privilege = privilege.trim().to_ascii_uppercase();
            if privilege == "ALL PRIVILEGES" {
                held.extend(NEEDED.iter().chain(&USUAL).map(|p| (*p).to_owned()));
                held.extend(global.then(|| "PROCESS".to_owned()));
            }
            held.push(privilege);
        }
    }
    held
}

/// Whether `` `pattern`.* `` of a grant means the database: `_` and `%` are wildcards there.
fn covers(place: &str, database: &str) -> bool {
    let Some(pattern) = place.strip_suffix(".*") else {
        return false;
    };
    let pattern = pattern.trim_matches('`').replace("``", "`");
    like(
        &pattern.chars().collect::<Vec<_>>(),
        &database.chars().collect::<Vec<_>>(),
    )
}

fn like(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['%', rest @ ..] => (0..=text.len()).any(|at| like(rest, &text[at..])),
        ['\\', c, rest @ ..] => text.first() == Some(c) && like(rest, &text[1..]),
        ['_', rest @ ..] => !text.is_empty() && like(rest, &text[1..]),
        [c, rest @ ..] => text.first() == Some(c) && like(rest, &text[1..]),
    }
}

async fn role(session: &mut MysqlSession, found: &mut Vec<Diagnosis>) -> Result<(), EngineError> {
    let answer = session.link.run(session.flavour.server_sql()).await;
    let answer = answer.map_err(|t| session.link.refused(t, "asking for the server's role"))?;
    let row = answer.rows.into_iter().next().unwrap_or_default();
    if row.get(1).cloned().flatten().as_deref() == Some("1") {
        found.push(Diagnosis {
            level: Level::Problem,
            what: "the server is read-only".into(),
            mend: Some(
                "name the primary in the URL; or SET GLOBAL read_only = OFF, if this is it".into(),
            ),
        });
    }
    Ok(())
}

async fn settings(
    session: &mut MysqlSession,
    found: &mut Vec<Diagnosis>,
) -> Result<(), EngineError> {
    let answer = session.link.run(session.flavour.settings_sql()).await;
    let answer = answer.map_err(|t| session.link.refused(t, "reading settings"))?;
    for row in answer.rows {
        if let [Some(name), Some(value)] = row.as_slice()
            && let Some((what, mend)) = session.flavour.judge_setting(name, value)
        {
            found.push(warning(what.into(), Some(mend.into())));
        }
    }
    Ok(())
}

/// Tables that no transaction holds together.
async fn engines(
    session: &mut MysqlSession,
    found: &mut Vec<Diagnosis>,
) -> Result<(), EngineError> {
    let answer = session
        .link
        .run(
            "SELECT t.table_name, t.engine FROM information_schema.tables t \
             JOIN information_schema.engines e ON e.engine = t.engine \
             WHERE t.table_schema = DATABASE() AND t.table_type = 'BASE TABLE' AND e.transactions = 'NO' LIMIT 5",
        )
        .await;
    let answer = answer.map_err(|t| session.link.refused(t, "looking at the tables"))?;
    for row in answer.rows {
        if let [Some(table), Some(engine)] = row.as_slice() {
            let table = quote::name(table);
            found.push(warning(
                format!("{table} is stored by {engine}, which has no transactions: a failed migration leaves its rows changed"),
                Some(format!("ALTER TABLE {table} ENGINE = InnoDB;")),
            ));
        }
    }
    Ok(())
}

fn good(what: String) -> Diagnosis {
    Diagnosis {
        level: Level::Good,
        what,
        mend: None,
    }
}

fn warning(what: String, mend: Option<String>) -> Diagnosis {
    Diagnosis {
        level: Level::Warning,
        what,
        mend,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_on_a_pattern_cover_the_databases_it_means() {
        assert!(covers("`shop_%`.*", "shop_1"));
        assert!(covers("`shop\\_1`.*", "shop_1"));
        assert!(!covers("`shop\\_1`.*", "shopx1"));
        assert!(!covers("`other`.*", "shop"));
    }

    #[test]
    fn the_lines_of_show_grants_are_read() {
        let lines = [
            "GRANT PROCESS, REPLICATION CLIENT ON *.* TO `a`@`%`".to_owned(),
            "GRANT ALL PRIVILEGES ON `shop`.* TO `a`@`%`".to_owned(),
            "GRANT DROP ON `other`.* TO `a`@`%`".to_owned(),
        ];
        let held = held(&lines, "shop");
        assert!(NEEDED.iter().all(|p| held.contains(&(*p).to_owned())));
        assert!(held.contains(&"PROCESS".to_owned()));
    }
}
