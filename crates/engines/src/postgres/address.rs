//! A shard's URL as `libpq` reads it, turned into what the driver wants.
//!
//! Knows no password but the one in the URL.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use percent_encoding::percent_decode_str;
use tokio_postgres::{
    Config,
    config::{ChannelBinding, LoadBalanceHosts, SslMode, SslNegotiation, TargetSessionAttrs},
};
use url::Url;

/// An entry of a list of ports that is left empty means this one.
const USUAL_PORT: u16 = 5432;

/// Where to connect, as whom, and how the channel is secured.
pub struct Address {
    pub config: Config,
    pub security: Security,
    /// `-c name=value …` of the URL's own `options`.
    pub options: String,
    /// How many hosts are tried in turn.
    pub hosts: usize,
}

/// `sslmode` and the files beside it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Security {
    pub mode: Mode,
    pub root: Option<PathBuf>,
    pub certificate: Option<PathBuf>,
    pub key: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    Disable,
    Allow,
    #[default]
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl Mode {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "disable" => Mode::Disable,
            "allow" => Mode::Allow,
            "prefer" => Mode::Prefer,
            "require" => Mode::Require,
            "verify-ca" => Mode::VerifyCa,
            "verify-full" => Mode::VerifyFull,
            _ => return None,
        })
    }

    /// What the driver is told for the first try.
    pub fn first(self) -> SslMode {
        match self {
            Mode::Disable | Mode::Allow => SslMode::Disable,
            Mode::Prefer => SslMode::Prefer,
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => SslMode::Require,
        }
    }
}

/// Reads a URL; says what is wrong with it, without showing its values.
pub fn read(url: &Url) -> Result<Address, String> {
    let mut places = Places::default();
    let mut config = Config::new();
    let mut security = Security::default();
    let mut options = String::new();
    if !url.username().is_empty() {
        config.user(decode(url.username())?);
    }
    if let Some(password) = url.password() {
        config.password(percent_decode_str(password).collect::<Vec<u8>>());
    }
    if let Some(host) = url.host_str().filter(|host| !host.is_empty()) {
        places.hosts(&decode(host)?);
    }
    if let Some(port) = url.port() {
        places.ports.push(port);
    }
    let path = decode(url.path().trim_start_matches('/'))?;
    if !path.is_empty() {
        config.dbname(path);
    }
    for (key, value) in pairs(url)? {
        set(
            &mut config,
            &mut security,
            &mut places,
            &mut options,
            &key,
            &value,
        )?;
    }
    places.fill(&mut config)?;
    let hosts = places.hosts.len().max(places.addresses.len());
    if hosts > 1 && !places.chosen {
        // Of several nodes only one can be meant: the one that accepts writes.
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    if places.all_sockets() {
        // PostgreSQL has no TLS on unix sockets.
        security.mode = Mode::Disable;
    }
    config.ssl_mode(security.mode.first());
    Ok(Address {
        config,
        security,
        options,
        hosts,
    })
}

#[derive(Default)]
struct Places {
    hosts: Vec<String>,
    ports: Vec<u16>,
    addresses: Vec<IpAddr>,
    /// The URL says which of them is meant.
    chosen: bool,
}

impl Places {
    fn hosts(&mut self, list: &str) {
        self.hosts.extend(list.split(',').map(|host| {
            host.trim_start_matches('[')
                .trim_end_matches(']')
                .to_owned()
        }));
    }

    fn fill(&mut self, config: &mut Config) -> Result<(), String> {
        if self.hosts.is_empty() && self.addresses.is_empty() {
            self.hosts.push("localhost".into());
        }
        let expected = self.hosts.len().max(self.addresses.len());
        if self.ports.len() > 1 && self.ports.len() != expected {
            return Err(format!(
                "{} ports for {expected} hosts; give one for all, or one each",
                self.ports.len()
            ));
        }
        for host in &self.hosts {
            if host.starts_with('/') {
                config.host_path(host);
            } else {
                config.host(host);
            }
        }
        for address in &self.addresses {
            config.hostaddr(*address);
        }
        for port in &self.ports {
            config.port(*port);
        }
        Ok(())
    }

    fn all_sockets(&self) -> bool {
        self.addresses.is_empty() && self.hosts.iter().all(|host| host.starts_with('/'))
    }
}

fn decode(text: &str) -> Result<String, String> {
    percent_decode_str(text)
        .decode_utf8()
        .map(|text| text.into_owned())
        .map_err(|_| "it holds percent-encoded bytes that are not UTF-8".to_owned())
}

/// The query's pairs. `+` stands for itself, as `libpq` has it.
fn pairs(url: &Url) -> Result<Vec<(String, String)>, String> {
    let mut pairs = Vec::new();
    for pair in url
        .query()
        .unwrap_or("")
        .split('&')
        .filter(|p| !p.is_empty())
    {
        let (key, value) = pair
            .split_once('=')
            .ok_or_else(|| format!("the option `{pair}` has no value"))?;
        pairs.push((decode(key)?, decode(value)?));
    }
    Ok(pairs)
}

fn set(
    config: &mut Config,
    security: &mut Security,
    places: &mut Places,
    options: &mut String,
    key: &str,
    value: &str,
) -> Result<(), String> {
    let wrong = |expected: &str| format!("`{key}` is `{value}`, where {expected} is expected");
    let seconds = || {
        value
            .parse::<u64>()
            .map(Duration::from_secs)
            .map_err(|_| wrong("a number of seconds"))
    };
    match key {
        "host" => places.hosts(value),
        "port" => {
            for port in value.split(',') {
                places.ports.push(match port {
                    "" => USUAL_PORT,
                    port => port.parse().map_err(|_| wrong("a port"))?,
                });
            }
        }
        "hostaddr" => {
            for address in value.split(',') {
                let address = address.parse().map_err(|_| wrong("an IP address"))?;
                places.addresses.push(address);
            }
        }
        "user" => {
            config.user(value);
        }
        "password" => {
            config.password(value);
        }
        "dbname" => {
            config.dbname(value);
        }
        "options" => {
            options.push(' ');
            options.push_str(value);
        }
        "sslmode" => {
            security.mode = Mode::parse(value).ok_or_else(|| {
                wrong("`disable`, `allow`, `prefer`, `require`, `verify-ca` or `verify-full`")
            })?;
        }
        "sslrootcert" => security.root = (value != "system").then(|| value.into()),
        "sslcert" => security.certificate = Some(value.into()),
        "sslkey" => security.key = Some(value.into()),
        "sslnegotiation" => {
            config.ssl_negotiation(match value {
                "postgres" => SslNegotiation::Postgres,
                "direct" => SslNegotiation::Direct,
                _ => return Err(wrong("`postgres` or `direct`")),
            });
        }
        "target_session_attrs" => {
            places.chosen = true;
            config.target_session_attrs(match value {
                "any" => TargetSessionAttrs::Any,
                "read-write" | "primary" => TargetSessionAttrs::ReadWrite,
                "read-only" | "standby" => TargetSessionAttrs::ReadOnly,
                "prefer-standby" => TargetSessionAttrs::Any,
                _ => {
                    return Err(wrong(
                        "`any`, `read-write`, `read-only`, `primary` or `standby`",
                    ));
                }
            });
        }
        "channel_binding" => {
            config.channel_binding(match value {
                "disable" => ChannelBinding::Disable,
                "prefer" => ChannelBinding::Prefer,
                "require" => ChannelBinding::Require,
                _ => return Err(wrong("`disable`, `prefer` or `require`")),
            });
        }
        "load_balance_hosts" => {
            config.load_balance_hosts(match value {
                "disable" => LoadBalanceHosts::Disable,
                "random" => LoadBalanceHosts::Random,
                _ => return Err(wrong("`disable` or `random`")),
            });
        }
        "connect_timeout" => {
            config.connect_timeout(seconds()?.max(Duration::from_secs(1)));
        }
        "keepalives" => {
            config.keepalives(value != "0");
        }
        "keepalives_idle" => {
            config.keepalives_idle(seconds()?);
        }
        "keepalives_interval" => {
            config.keepalives_interval(seconds()?);
        }
        "keepalives_count" | "keepalives_retries" => {
            config.keepalives_retries(value.parse().map_err(|_| wrong("a number"))?);
        }
        "tcp_user_timeout" => {
            let millis = value
                .parse()
                .map_err(|_| wrong("a number of milliseconds"))?;
            config.tcp_user_timeout(Duration::from_millis(millis));
        }
        // Greylag names its connections itself.
        "application_name" | "fallback_application_name" => {}
        _ => return Err(format!("the option `{key}` is not known")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_postgres::config::Host;

    fn address(url: &str) -> Address {
        read(&url.parse().unwrap()).unwrap()
    }

    #[test]
    fn a_url_is_read_as_libpq_reads_it() {
        let read = address(
            "postgres://me:p%40ss@db.example:6432/my%20db?sslmode=verify-full&sslrootcert=/ca.pem",
        );
        assert_eq!(read.config.get_user(), Some("me"));
        assert_eq!(read.config.get_password(), Some(&b"p@ss"[..]));
        assert_eq!(read.config.get_dbname(), Some("my db"));
        assert_eq!(read.config.get_hosts(), [Host::Tcp("db.example".into())]);
        assert_eq!(read.config.get_ports(), [6432]);
        assert_eq!(read.security.mode, Mode::VerifyFull);
        assert_eq!(read.security.root, Some("/ca.pem".into()));
    }

    #[test]
    fn a_socket_folder_is_a_host_and_needs_no_tls() {
        for url in [
            "postgres://me@%2Fvar%2Frun:5433/db",
            "postgres:///db?host=/var/run&port=5433",
        ] {
            let read = address(url);
            assert_eq!(read.config.get_hosts(), [Host::Unix("/var/run".into())]);
            assert_eq!(read.config.get_ports(), [5433]);
            assert_eq!(read.security.mode, Mode::Disable);
        }
    }

    #[test]
    fn several_hosts_are_tried_in_turn() {
        let read = address("postgres://me@a,b/db?port=1,2&target_session_attrs=primary");
        assert_eq!(
            read.config.get_hosts(),
            [Host::Tcp("a".into()), Host::Tcp("b".into())]
        );
        assert_eq!(read.config.get_ports(), [1, 2]);
        assert_eq!(
            read.config.get_target_session_attrs(),
            TargetSessionAttrs::ReadWrite
        );
    }

    #[test]
    fn of_several_hosts_the_one_that_accepts_writes_is_meant_unless_said_otherwise() {
        let attrs = |url: &str| address(url).config.get_target_session_attrs();
        let writes = TargetSessionAttrs::ReadWrite;
        assert_eq!(attrs("postgres://me@a,b/db"), writes);
        let any = TargetSessionAttrs::Any;
        assert_eq!(attrs("postgres://me@a,b/db?target_session_attrs=any"), any);
        assert_eq!(attrs("postgres://me@a/db"), any);
    }

    #[test]
    fn an_option_nobody_knows_is_an_error_that_names_it() {
        let why = read(&"postgres://h/db?sslmod=require".parse().unwrap())
            .err()
            .unwrap();
        assert!(why.contains("`sslmod`"), "{why}");
        let why = read(&"postgres://h/db?sslmode=yes".parse().unwrap())
            .err()
            .unwrap();
        assert!(why.contains("verify-full"), "{why}");
    }
}
