//! What a shard's URL says of host, socket, login and TLS, in the spellings of the usual clients.
//!
//! Opens nothing.

use crate::{error::OpenError, target::Target};
use mysql_async::{ClientIdentity, OptsBuilder, SslOpts};
use std::{path::PathBuf, time::Duration};

/// How a connection is guarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    Disabled,
    /// TLS where the server has it, unproven.
    Preferred,
    /// TLS, unproven.
    Required,
    /// TLS with a certificate of a known authority, whatever host name it is for.
    Authority,
    /// The same, for this very host name.
    Identity,
}

/// A URL, understood.
#[derive(Clone, Debug)]
pub struct Address {
    pub host: String,
    pub port: u16,
    pub socket: Option<String>,
    pub user: String,
    pub password: Option<String>,
    pub database: String,
    pub tls: Tls,
    pub authorities: Option<PathBuf>,
    pub certificate: Option<(PathBuf, PathBuf)>,
}

const KNOWN: [&str; 11] = [
    "ssl-mode",
    "sslmode",
    "ssl-ca",
    "sslrootcert",
    "ssl-cert",
    "sslcert",
    "ssl-key",
    "sslkey",
    "require_ssl",
    "socket",
    "charset",
];

/// Reads a target's URL.
pub fn read(target: &Target) -> Result<Address, OpenError> {
    let wrong = |why: String| OpenError::Url {
        shard: target.shard.to_string(),
        why,
    };
    let url = &target.url;
    if let Some(schema) = &target.schema {
        return Err(wrong(format!(
            "`schema = \"{schema}\"` is for PostgreSQL: on MySQL and MariaDB a schema is a database, so name it in the URL's path"
        )));
    }
    let decode = |text: &str| {
        percent_decode(text).ok_or_else(|| wrong("it holds bytes that are not UTF-8".into()))
    };
    let database = decode(url.path().trim_start_matches('/'))?;
    if database.is_empty() {
        return Err(wrong(format!(
            "it names no database: {}://host/database is expected",
            url.scheme()
        )));
    }
    let host = url.host_str().unwrap_or("localhost");
    let mut address = Address {
        host: host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned(),
        port: url.port().unwrap_or(3306),
        socket: None,
        user: decode(url.username())?,
        password: url.password().map(decode).transpose()?,
        database,
        tls: Tls::Preferred,
        authorities: None,
        certificate: None,
    };
    let (mut mode, mut requires) = (None, false);
    let (mut certificate, mut key) = (None, None);
    for (parameter, value) in url.query_pairs() {
        let spelled = parameter.to_ascii_lowercase().replace('_', "-");
        match spelled.as_str() {
            "ssl-mode" | "sslmode" => mode = Some(tls(&value).map_err(wrong)?),
            "require-ssl" => match value.as_ref() {
                // It asks for no less than a mode beside it.
                "true" | "1" => requires = true,
                "false" | "0" => {}
                other => {
                    return Err(wrong(format!(
                        "require_ssl is true or false, not `{other}`"
                    )));
                }
            },
            "ssl-ca" | "sslrootcert" => address.authorities = Some(PathBuf::from(value.as_ref())),
            "ssl-cert" | "sslcert" => certificate = Some(PathBuf::from(value.as_ref())),
            "ssl-key" | "sslkey" => key = Some(PathBuf::from(value.as_ref())),
            "socket" => address.socket = Some(value.into_owned()),
            // Everything is sent and read as utf8mb4; naming it changes nothing.
            "charset" if value.eq_ignore_ascii_case("utf8mb4") => {}
            "charset" => return Err(wrong("charset is always utf8mb4 here".into())),
            _ => {
                return Err(wrong(format!(
                    "its parameter `{parameter}` is not known; known are {}",
                    KNOWN.join(", ")
                )));
            }
        }
    }
    if requires && matches!(mode, None | Some(Tls::Preferred)) {
        mode = Some(Tls::Required);
    }
    address.tls = proven(mode, address.authorities.is_some()).map_err(wrong)?;
    address.certificate = match (certificate, key) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => return Err(wrong("ssl-cert and ssl-key go together".into())),
    };
    Ok(address)
}

impl Address {
    /// The driver's options, with TLS so strict or without.
    pub fn options(
        &self,
        password: Option<&str>,
        application: &str,
        tls: Option<Tls>,
    ) -> OptsBuilder {
        OptsBuilder::default()
            .ip_or_hostname(self.host.clone())
            .tcp_port(self.port)
            .socket(self.socket.clone())
            .user(Some(self.user.clone()))
            .pass(password.map(str::to_owned))
            .db_name(Some(self.database.clone()))
            .prefer_socket(false)
            // Known beforehand, so that the driver doesn't ask; the server's own limit is looked at before sending.
            .max_allowed_packet(Some(1 << 30))
            .wait_timeout(Some(28_800))
            .stmt_cache_size(0)
            .tcp_keepalive(Some(Duration::from_secs(30)))
            .connect_attribute("program_name", application)
            .ssl_opts(tls.map(|tls| self.ssl(tls)))
    }

    fn ssl(&self, tls: Tls) -> SslOpts {
        let mut ssl = SslOpts::default();
        if let Some((certificate, key)) = &self.certificate {
            ssl = ssl.with_client_identity(Some(ClientIdentity::new(
                certificate.clone().into(),
                key.clone().into(),
            )));
        }
        match tls {
            Tls::Disabled | Tls::Preferred | Tls::Required => {
                return ssl.with_danger_accept_invalid_certs(true);
            }
            Tls::Authority => {
                ssl = ssl
                    .with_danger_skip_domain_validation(true)
                    .with_danger_tls_hostname_override(Some(NO_NAME));
            }
            Tls::Identity => {}
        }
        if let Some(file) = &self.authorities {
            return ssl
                .with_disable_built_in_roots(true)
                .with_root_certs(vec![file.clone().into()]);
        }
        let system = rustls_native_certs::load_native_certs().certs;
        ssl.with_disable_built_in_roots(!system.is_empty())
            .with_root_certs(
                system
                    .into_iter()
                    .map(|certificate| certificate.to_vec().into())
                    .collect(),
            )
    }
}

/// Expected of a certificate instead of a host name, where its name is of no matter.
///
/// The driver, told to pass over a wrong name, knows that error by this word in its text. The TLS library says it otherwise by now,
/// but names what was expected; and it says so only once the chain up to the authority is proven. Should either change, the
/// certificate is refused.
const NO_NAME: &str = "NotValidForName";

/// How strict it is in all. An authority is named to be asked for: the servers' own client takes it so where no mode is said.
fn proven(mode: Option<Tls>, names_authority: bool) -> Result<Tls, String> {
    match mode {
        None if names_authority => Ok(Tls::Authority),
        None => Ok(Tls::Preferred),
        Some(Tls::Required) if names_authority => Ok(Tls::Authority),
        Some(mode @ (Tls::Disabled | Tls::Preferred)) if names_authority => Err(format!(
            "ssl-ca names an authority that ssl-mode={} would never ask: write ssl-mode=VERIFY_IDENTITY (or VERIFY_CA, where the certificate is not for this host name), or leave ssl-ca out",
            if mode == Tls::Disabled {
                "DISABLED"
            } else {
                "PREFERRED"
            }
        )),
        Some(mode) => Ok(mode),
    }
}

/// PostgreSQL's names of the modes are understood too, so that one fleet may spell them alike.
fn tls(mode: &str) -> Result<Tls, String> {
    match mode.to_ascii_lowercase().replace('-', "_").as_str() {
        "disabled" | "disable" => Ok(Tls::Disabled),
        "preferred" | "prefer" | "allow" => Ok(Tls::Preferred),
        "required" | "require" => Ok(Tls::Required),
        "verify_ca" => Ok(Tls::Authority),
        "verify_identity" | "verify_full" => Ok(Tls::Identity),
        _ => Err(format!(
            "ssl-mode `{mode}` is not known: DISABLED, PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY"
        )),
    }
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next()?, rest.next()?];
        let digits = std::str::from_utf8(&digits).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
    }
    String::from_utf8(bytes).ok()
}
