//! Opens a working connection and sets it up.

use super::{
    diagnose, flavour,
    link::{Link, Row, Trouble},
    mark,
    names::Names,
    quote,
    session::MysqlSession,
    url::{self, Address, Tls},
};
use crate::{
    error::OpenError,
    online::{Access, TlsFiles, TlsProof},
    secret::Secret,
    session::Session,
    target::Target,
};
use mysql_async::{DriverError, Error, IoError, Opts, TlsError};
use std::time::Duration;

/// Connects and sets the working connection up.
pub async fn open(target: &Target) -> Result<Box<dyn Session>, OpenError> {
    let address = url::read(target)?;
    let password = match &target.password {
        Some(source) => Some(source.resolve().await?),
        None => address.password.clone().map(Secret::new),
    };
    let (mut link, options) = connect(target, &address, password.as_ref(), true).await?;
    let with_tls = options.ssl_opts().is_some();
    let seen = greet(target, &mut link).await?;
    session_sql(target, &mut link).await?;
    Ok(Box::new(MysqlSession {
        names: Names::new(target, &seen.database),
        flavour: seen.flavour,
        version: seen.version,
        max_packet: seen.max_packet,
        lowers_names: seen.lowers_names,
        target: target.clone(),
        options,
        link,
        held: Vec::new(),
        dirty: false,
        found: None,
        role: seen.role,
        access: access(&address, password, with_tls),
        notes: Vec::new(),
        looked: None,
    }))
}

/// Runs the project's session SQL.
pub async fn session_sql(target: &Target, link: &mut Link) -> Result<(), OpenError> {
    for statement in &crate::session_sql::statements(target)? {
        link.run(statement.as_str())
            .await
            .map_err(|trouble| match trouble {
                Trouble::Server(error) => OpenError::SessionSql {
                    address: target.address(),
                    statement: statement.clone(),
                    message: error.message,
                },
                Trouble::Lost(source) => unreachable_node(target, source),
            })?;
    }
    Ok(())
}

/// How a tool reaches the server, as this connection did.
fn access(address: &Address, password: Option<Secret>, with_tls: bool) -> Access {
    Access {
        host: address.host.clone(),
        port: address.port,
        socket: address.socket.clone(),
        user: address.user.clone(),
        password,
        tls: with_tls.then(|| TlsFiles {
            proof: match address.tls {
                Tls::Disabled | Tls::Preferred | Tls::Required => TlsProof::Nothing,
                Tls::Authority => TlsProof::Authority,
                Tls::Identity => TlsProof::Identity,
            },
            authorities: address.authorities.clone(),
            certificate: address.certificate.clone(),
        }),
    }
}

/// Connects within the target's time, with TLS as the URL asks for it, and enters the database or not.
pub async fn connect(
    target: &Target,
    address: &Address,
    password: Option<&Secret>,
    enter: bool,
) -> Result<(Link, Opts), OpenError> {
    // Set by whoever starts first; a second try finds it set.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let with_tls = address.tls != Tls::Disabled && address.socket.is_none();
    let attempt = async |tls: Option<Tls>| {
        let mut options = address.options(password.map(Secret::expose), &target.application, tls);
        if !enter {
            options = options.db_name(None::<String>);
        }
        let options: Opts = options.into();
        let link = Link::connect(options.clone(), target.address()).await?;
        Ok::<_, Error>((link, options))
    };
    let connected = tokio::time::timeout(target.connect_timeout, async {
        // A right name is proof enough, and what stands between may look at the name that is asked for.
        let first = match address.tls {
            Tls::Authority => Tls::Identity,
            tls => tls,
        };
        match attempt(with_tls.then_some(first)).await {
            Err(Error::Driver(DriverError::NoClientSslFlagFromServer))
                if address.tls == Tls::Preferred =>
            {
                attempt(None).await
            }
            Err(error) if address.tls == Tls::Authority && is_for_another_name(&error) => {
                attempt(Some(Tls::Authority)).await
            }
            other => other,
        }
    });
    match connected.await {
        Ok(Ok(connected)) => Ok(connected),
        Ok(Err(error)) => Err(refused(target, address, error)),
        Err(_) => Err(unreachable_node(
            target,
            format!("no answer within {:?}", target.connect_timeout).into(),
        )),
    }
}

/// A certificate of a known authority, for another name; or a name that no certificate can be for.
fn is_for_another_name(error: &Error) -> bool {
    let said = match error {
        Error::Io(IoError::Tls(TlsError::InvalidDnsName(_))) => return true,
        Error::Io(IoError::Tls(TlsError::Tls(said))) => said,
        Error::Io(IoError::Io(source)) => match source.get_ref().and_then(|e| e.downcast_ref()) {
            Some(said) => said,
            None => return false,
        },
        _ => return false,
    };
    use rustls::CertificateError::{NotValidForName, NotValidForNameContext};
    matches!(
        said,
        rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. })
    )
}

/// What a server says of itself at the start.
struct Seen {
    flavour: &'static dyn flavour::Flavour,
    version: String,
    database: String,
    max_packet: u64,
    lowers_names: bool,
    /// The roles that the login gave.
    role: Option<String>,
}

/// Settings of every working connection, and what the server is.
///
/// `lock_wait_timeout` is a year by default, and its queue stops every reader of the table. `wait_timeout` is eight hours, and keeps
/// the lock of a machine that has vanished. `sql_mode` stays the server's: a migration means what it means there.
async fn greet(target: &Target, link: &mut Link) -> Result<Seen, OpenError> {
    let sql = format!(
        "{}; SELECT CONNECTION_ID(), VERSION(), @@version_comment, DATABASE(), @@global.max_allowed_packet, \
         @@lower_case_table_names, CURRENT_ROLE()",
        settings()
    );
    let row = greeted(target, link, &sql).await?;
    let column = |at: usize| row.get(at).cloned().flatten().unwrap_or_default();
    let version = column(1);
    let flavour = known(target, link, &column(0), &version, &column(2))?;
    Ok(Seen {
        flavour,
        version,
        database: column(3),
        max_packet: column(4).parse().unwrap_or(u64::MAX),
        lowers_names: column(5) != "0",
        role: row.get(6).cloned().flatten(),
    })
}

/// For how many seconds a working connection may say nothing. One whose machine has vanished keeps the shard's lock for so long, and
/// each that lives is used more often: the fleet's anchor every 5 seconds, while a tool runs every 10, beside other waits every 15.
const IDLE: u64 = 60;

/// What every working connection is set to.
pub fn settings() -> String {
    format!(
        "SET NAMES utf8mb4; SET SESSION wait_timeout = {IDLE}, {}",
        lock_timeouts(Duration::from_secs(2))
    )
}

/// Sends what a connection begins with, settings and a question, and its mark behind them. The question's row.
pub async fn greeted(target: &Target, link: &mut Link, sql: &str) -> Result<Row, OpenError> {
    let mut answers = Vec::new();
    let sql = format!("{sql}; {}", mark::SET);
    let outcome = link.run_all(sql, &mut answers).await;
    let row = answers
        .into_iter()
        .rev()
        .find_map(|a| a.rows.into_iter().next());
    match (outcome, row) {
        (Ok(()), row) => Ok(row.unwrap_or_default()),
        // Behind the question there is the mark alone: a server that lets nobody lock (a cluster may) counts the connection as
        // anybody's.
        (Err(Trouble::Server(_)), Some(row)) => Ok(row),
        (Err(trouble), _) => Err(lost(target, trouble)),
    }
}

/// Which of the two servers it is, if it is the server itself and of a version that is supported.
pub fn known(
    target: &Target,
    link: &Link,
    id: &str,
    version: &str,
    comment: &str,
) -> Result<&'static dyn flavour::Flavour, OpenError> {
    // The handshake carries the lower half of the id.
    if id.parse::<u64>().map(|id| id as u32) != Ok(link.id()) {
        return Err(OpenError::Pooler {
            address: target.address(),
            why: format!(
                "the handshake said connection {}, the server says {id}; name the server itself in the URL",
                link.id()
            ),
        });
    }
    let flavour = flavour::of(version, comment);
    match flavour.too_old(version) {
        Some(why) => Err(OpenError::Version {
            address: target.address(),
            version: version.to_owned(),
            why: why.into(),
        }),
        None => Ok(flavour),
    }
}

/// The settings that bound every wait for a lock. Both servers count in whole seconds.
pub fn lock_timeouts(timeout: Duration) -> String {
    let seconds = timeout.as_millis().div_ceil(1000).max(1);
    format!("lock_wait_timeout = {seconds}, innodb_lock_wait_timeout = {seconds}")
}

/// The connection did not get as far as it has to.
pub fn lost(target: &Target, trouble: Trouble) -> OpenError {
    match trouble {
        Trouble::Server(error) => unreachable_node(target, Box::new(error)),
        Trouble::Lost(source) => unreachable_node(target, source),
    }
}

fn unreachable_node(
    target: &Target,
    source: Box<dyn std::error::Error + Send + Sync>,
) -> OpenError {
    OpenError::Unreachable {
        address: target.address(),
        source,
    }
}

/// The account as the server names it where it is denied a database, which is how GRANT wants it.
fn account_in(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once(" for user ")?;
    let (account, _) = rest.rsplit_once(" to database ")?;
    Some(account)
}

/// The driver's error, without anything secret: servers name user and host, never the password.
fn refused(target: &Target, address: &Address, error: Error) -> OpenError {
    let login = |message: String| OpenError::Login {
        address: target.address(),
        user: address.user.clone(),
        message,
        mend: None,
    };
    match error {
        Error::Server(error) => match error.code {
            1049 => login(format!(
                "there is no database {}, or the account may not see it",
                quote::name(&address.database)
            )),
            1044 => OpenError::Login {
                address: target.address(),
                user: address.user.clone(),
                mend: account_in(&error.message)
                    .map(|account| diagnose::grant(&address.database, account)),
                message: error.message,
            },
            1045 | 1251 | 1524 | 1698 | 1130 | 1129 | 1820 | 1862 | 3118 | 4151 => {
                login(error.message)
            }
            _ => unreachable_node(target, Box::new(error)),
        },
        Error::Io(IoError::Tls(source)) => OpenError::Tls {
            address: target.address(),
            source: Box::new(source),
        },
        // A certificate that is not believed reaches us as an error of reading.
        Error::Io(IoError::Io(source))
            if source.get_ref().is_some_and(|e| e.is::<rustls::Error>()) =>
        {
            OpenError::Tls {
                address: target.address(),
                source: Box::new(source),
            }
        }
        Error::Driver(DriverError::NoClientSslFlagFromServer) => OpenError::Tls {
            address: target.address(),
            source: "the server offers no TLS (ssl-mode=PREFERRED or DISABLED goes without)".into(),
        },
        Error::Driver(DriverError::UnknownAuthPlugin { name }) => login(format!(
            "the account logs in by `{name}`, which is not supported"
        )),
        other => unreachable_node(target, Box::new(other)),
    }
}
