//! From a target to a working connection: connected as `libpq` would, set up, of a supported version.

use std::{error::Error as _, io, time::Duration};

use tokio_postgres::{
    Config, Error,
    config::{SslMode, TargetSessionAttrs},
    error::DbError,
};

use super::{
    address::{self, Address, Mode},
    cancel,
    link::{Link, Trouble},
    session::{Login, PgSession},
    startup::{self, Asked},
    tls::{self, Tls},
};
use crate::{error::OpenError, session::Session, target::Target};

const OLDEST: u32 = 14;

/// Connects and sets the working connection up.
pub async fn open(target: &Target) -> Result<Box<dyn Session>, OpenError> {
    let (link, login) = establish(target).await?;
    Ok(Box::new(PgSession::new(target.clone(), link, login)))
}

/// Connects to a server of a supported version, and runs the session SQL.
pub(super) async fn establish(target: &Target) -> Result<(Link, Login), OpenError> {
    let session_sql = crate::session_sql::statements(target)?;
    let mut address = address::read(&target.url).map_err(|why| OpenError::Url {
        shard: target.shard.to_string(),
        why,
    })?;
    if let Some(source) = &target.password {
        address.config.password(source.resolve().await?.expose());
    }
    if address.hosts > 1 && address.config.get_connect_timeout().is_none() {
        // One host that does not answer must leave time for the next.
        let each = target.connect_timeout / u32::try_from(address.hosts).unwrap_or(1);
        address.config.connect_timeout(each);
    }
    let tls = tls::connector(&address.security).map_err(|source| OpenError::Tls {
        address: target.address(),
        source,
    })?;
    let connecting = connect(target, &address, tls);
    let connected = match tokio::time::timeout(target.connect_timeout, connecting).await {
        Ok(connected) => connected?,
        Err(_) => return Err(unreachable(target, late(target.connect_timeout))),
    };
    let version = connected.version.as_str();
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    if digits.parse::<u32>().map_or(true, |major| major < OLDEST) {
        return Err(OpenError::Version {
            address: target.address(),
            version: format!("PostgreSQL {version}"),
            why: format!("PostgreSQL {OLDEST} and later are"),
        });
    }
    run_session_sql(target, &connected.link, &session_sql).await?;
    let user = address.config.get_user().unwrap_or("").to_owned();
    let login = Login {
        database: address.config.get_dbname().unwrap_or(&user).to_owned(),
        user,
        version: connected.version,
        session_sql,
    };
    Ok((connected.link, login))
}

struct Connected {
    link: Link,
    version: String,
}

/// Connects, giving way where `libpq` gives way.
async fn connect(target: &Target, address: &Address, tls: Tls) -> Result<Connected, OpenError> {
    let mut config = address.config.clone();
    let mut asked = Asked::All;
    let mut gave_way = false;
    loop {
        startup::fill(&mut config, target, &address.options, asked);
        let refused = match attempt(&config, tls.clone()).await {
            Ok(connected) => return Ok(connected),
            Err(refused) => refused,
        };
        let code = refused.code().map_or("", |code| code.code());
        let message = refused.as_db_error().map_or("", DbError::message);
        // Some platforms can't watch a client's socket; the keepalives still do their part there.
        if asked == Asked::All
            && code == "22023"
            && message.contains("client_connection_check_interval")
        {
            asked = Asked::NoCheck;
            continue;
        }
        match give_way(address.security.mode, &refused) {
            Some(mode) if !gave_way => config.ssl_mode(mode),
            _ => return Err(judge(target, &config, refused)),
        };
        gave_way = true;
    }
}

/// How the next try goes where `libpq` would try once more.
pub fn give_way(mode: Mode, refused: &Error) -> Option<SslMode> {
    let code = refused.code().map_or("", |code| code.code());
    match mode {
        Mode::Allow if code == "28000" => Some(SslMode::Require),
        Mode::Prefer if code == "28000" || is_tls(refused) => Some(SslMode::Disable),
        _ => None,
    }
}

async fn attempt(config: &Config, tls: Tls) -> Result<Connected, Error> {
    let (client, connection) = config.connect(tls.clone()).await?;
    let version = connection.parameter("server_version").unwrap_or("");
    let version = version.to_owned();
    // In memory: nothing is sent. The id stays 0, which no server gives, should the driver ever change its mind.
    let pid = cancel::process_id(&client.cancel_token())
        .await
        .unwrap_or(0);
    Ok(Connected {
        link: Link::new(client, connection, tls, pid),
        version,
    })
}

async fn run_session_sql(
    target: &Target,
    link: &Link,
    statements: &[String],
) -> Result<(), OpenError> {
    if statements.is_empty() {
        return Ok(());
    }
    let answer = link.run(&statements.join(";\n"), usize::MAX).await;
    link.hush();
    match answer.trouble {
        None => Ok(()),
        Some(Trouble::Server(said)) => {
            let at = answer.completed.min(statements.len() - 1);
            Err(OpenError::SessionSql {
                address: target.address(),
                statement: statements[at].clone(),
                message: said.message().to_owned(),
            })
        }
        Some(Trouble::Lost(error)) => Err(unreachable(target, error)),
        Some(Trouble::Unsaid(why)) => Err(unreachable(target, why)),
    }
}

fn judge(target: &Target, config: &Config, error: Error) -> OpenError {
    let address = target.address();
    if is_tls(&error) {
        return OpenError::Tls {
            address,
            source: Box::new(error),
        };
    }
    if config.get_target_session_attrs() == TargetSessionAttrs::ReadWrite
        && error
            .source()
            .is_some_and(|source| source.to_string().contains("does not allow writes"))
    {
        return unreachable(target, "none of its hosts accepts writes");
    }
    let Some(said) = error.as_db_error() else {
        return unreachable(target, error);
    };
    let message = said.message().to_owned();
    match said.code().code() {
        "08P01" if message.contains("startup parameter") => OpenError::Pooler {
            address,
            why: format!("{message}; connect to the server itself"),
        },
        // Too many connections, starting up, shutting down: it may be there in a moment.
        "53300" | "57P01" | "57P02" | "57P03" => unreachable(target, error),
        _ => OpenError::Login {
            address,
            user: config.get_user().unwrap_or("").to_owned(),
            message,
            mend: None,
        },
    }
}

fn is_tls(error: &Error) -> bool {
    error.as_db_error().is_none()
        && error
            .to_string()
            .starts_with("error performing TLS handshake")
        || error
            .source()
            .and_then(|source| source.downcast_ref::<io::Error>())
            .and_then(io::Error::get_ref)
            .is_some_and(|inner| inner.is::<rustls::Error>())
}

fn unreachable(
    target: &Target,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> OpenError {
    OpenError::Unreachable {
        address: target.address(),
        source: source.into(),
    }
}

fn late(after: Duration) -> io::Error {
    io::Error::new(
        io::ErrorKind::TimedOut,
        format!("no answer within {} ms", after.as_millis()),
    )
}
