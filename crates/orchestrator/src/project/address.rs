//! URLs of databases, as drivers know them.
//!
//! A password in a URL is accepted and never shown; better is a `password = { … }` beside it.

use greylag_core::engine::Engine;
use greylag_engines::hosts;
use std::{
    fmt,
    path::{Path, PathBuf},
};
use url::Url;

/// An understood URL: engine, and for SQLite a path that no longer depends on where we stand.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    pub engine: Engine,
    pub url: Url,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("the URL has no scheme")]
    Scheme,
    #[error("`{0}:` is no database that greylag knows")]
    Unknown(String),
    #[error("the URL can't be read: {0}")]
    Form(String),
    #[error("the URL names no database")]
    NoDatabase,
    #[error("the URL names no file")]
    NoFile,
    #[error("an SQLite database in memory can't be a shard")]
    Memory,
}

impl Address {
    /// Reads a URL; relative paths, of SQLite files and of certificates, are relative to `folder`.
    pub fn read(text: &str, folder: &Path) -> Result<Self, AddressError> {
        let text = text.trim();
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(AddressError::Scheme);
        };
        let scheme = scheme.to_ascii_lowercase();
        if scheme.is_empty() || scheme.contains(['/', '@', '.', '\\']) {
            return Err(AddressError::Scheme);
        }
        match Engine::from_scheme(&scheme) {
            None => Err(AddressError::Unknown(scheme)),
            Some(Engine::Sqlite) => sqlite(rest, folder),
            Some(engine) => server(engine, text, folder),
        }
    }

    /// The address of an SQLite file.
    pub fn of_file(path: &Path) -> Result<Self, AddressError> {
        let form = |why: &str| AddressError::Form(why.into());
        let path = path
            .to_str()
            .ok_or_else(|| form("the path is not valid UTF-8"))?;
        // By way of `file:`, which knows how a path is escaped.
        let file = Url::from_file_path(path).map_err(|()| form("the path is not absolute"))?;
        let url = Url::parse(&format!("sqlite:{}", file.path()))
            .map_err(|error| AddressError::Form(error.to_string()))?;
        Ok(Self {
            engine: Engine::Sqlite,
            url,
        })
    }

    /// The path of an SQLite file.
    pub fn file(&self) -> Option<PathBuf> {
        (self.engine == Engine::Sqlite).then(|| {
            let plain = format!("file://{}", self.url.path());
            Url::parse(&plain)
                .ok()
                .and_then(|url| url.to_file_path().ok())
                .unwrap_or_else(|| PathBuf::from(self.url.path()))
        })
    }

    /// The machine that shards share: the host that the URL names, `localhost` for files and sockets.
    pub fn host(&self) -> String {
        let asked = self
            .url
            .query_pairs()
            .find(|(key, _)| key == "host")
            .map(|(_, value)| value.into_owned());
        let host = asked.or_else(|| self.url.host_str().map(str::to_owned));
        match host {
            Some(host) if !host.is_empty() && !host.starts_with(['/', '%']) => host,
            _ => "localhost".into(),
        }
    }

    /// The database that the URL names.
    pub fn database(&self) -> &str {
        self.url.path().trim_start_matches('/')
    }

    /// The same server, another database.
    pub fn with_database(&self, name: &str) -> Self {
        let mut address = self.clone();
        // As one segment: a name may hold a slash.
        if let Ok(mut path) = address.url.path_segments_mut() {
            path.clear().push(name);
        }
        address
    }
}

/// Never shows user or password.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = self.file() {
            return write!(f, "sqlite:{}", path.display());
        }
        f.write_str(&hosts::shown(&self.url))
    }
}

fn server(engine: Engine, text: &str, folder: &Path) -> Result<Address, AddressError> {
    // The error of the parser never quotes the text, which may hold a password.
    let several = hosts::rewritten(text);
    let mut url = Url::parse(several.as_deref().unwrap_or(text))
        .map_err(|error| AddressError::Form(error.to_string()))?;
    if url.cannot_be_a_base() {
        return Err(AddressError::Form("`//` and a host are missing".into()));
    }
    let named_otherwise = url.query_pairs().any(|(key, _)| key == "dbname");
    if url.path().trim_matches('/').is_empty() && !named_otherwise {
        return Err(AddressError::NoDatabase);
    }
    if let Some(query) = url.query().map(|query| found_from(query, folder)) {
        url.set_query(Some(&query));
    }
    Ok(Address { engine, url })
}

/// The options of a URL, those that name files of certificates and keys no longer depending on where we stand.
fn found_from(query: &str, folder: &Path) -> String {
    let is_file = |key: &str| {
        let key = key.to_ascii_lowercase().replace('_', "-");
        let files = [
            "sslrootcert",
            "sslcert",
            "sslkey",
            "ssl-ca",
            "ssl-cert",
            "ssl-key",
        ];
        files.contains(&key.as_str())
    };
    let option = |option: &str| match option.split_once('=') {
        // A word of libpq's, and no file.
        Some(("sslrootcert", "system")) => option.to_owned(),
        Some((key, value)) if is_file(key) => {
            let file = folder.join(unescaped(value));
            let file = std::path::absolute(&file).unwrap_or(file);
            // `+` stands for itself here, and for a blank in what else reads queries.
            format!("{key}={}", escaped(&file.to_string_lossy()))
        }
        _ => option.to_owned(),
    };
    let options: Vec<String> = query.split('&').map(option).collect();
    options.join("&")
}

/// What would end or change an option is escaped.
fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~:".contains(&byte);
    text.bytes().fold(String::new(), |mut out, byte| {
        match plain(byte) {
            true => out.push(char::from(byte)),
            false => out.push_str(&format!("%{byte:02X}")),
        }
        out
    })
}

fn sqlite(rest: &str, folder: &Path) -> Result<Address, AddressError> {
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let (path, query) = match rest.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (rest, None),
    };
    if path == ":memory:" || query.is_some_and(|q| q.contains("mode=memory")) {
        return Err(AddressError::Memory);
    }
    if path.is_empty() {
        return Err(AddressError::NoFile);
    }
    let path = unescaped(path);
    let joined = folder.join(&path);
    let absolute = std::path::absolute(&joined).unwrap_or(joined);
    let mut address = Address::of_file(&absolute)?;
    address.url.set_query(query);
    Ok(address)
}

/// `%20` and its like, as in every URL; a `%` that begins no escape stays.
fn unescaped(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match escape {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Address, AddressError> {
        Address::read(text, Path::new("/fleet"))
    }

    #[test]
    fn a_relative_file_is_relative_to_the_project() {
        for text in [
            "sqlite:data/a b.db",
            "sqlite://data/a b.db",
            "sqlite:data/a%20b.db",
        ] {
            let address = read(text).unwrap();
            assert_eq!(
                address.file().unwrap(),
                Path::new("/fleet/data/a b.db"),
                "{text}"
            );
            assert_eq!(address.to_string(), "sqlite:/fleet/data/a b.db");
        }
        assert_eq!(
            read("sqlite:///x.db").unwrap().file().unwrap(),
            Path::new("/x.db")
        );
    }

    #[test]
    fn certificates_are_found_from_the_project() {
        let options = |text: &str| read(text).unwrap().url.query().unwrap().to_owned();
        assert_eq!(
            options("postgres://h/x?sslmode=verify-full&sslrootcert=my%20ca/a+b.pem&sslkey=/etc/k"),
            "sslmode=verify-full&sslrootcert=/fleet/my%20ca/a%2Bb.pem&sslkey=/etc/k"
        );
        assert_eq!(options("mysql://h/x?ssl_ca=ca.pem"), "ssl_ca=/fleet/ca.pem");
        assert_eq!(
            options("postgres://h/x?sslrootcert=system"),
            "sslrootcert=system"
        );
    }

    #[test]
    fn a_password_is_never_shown() {
        let address = read("postgres://me:hunter2@db.example:5433/orders?sslmode=require").unwrap();
        assert_eq!(address.to_string(), "postgres://db.example:5433/orders");
        assert!(!format!("{address:?}").contains("hunter2"));
        let error = read("postgres://me:hunter2@db.example:port/orders").unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
    }

    #[test]
    fn the_host_is_what_the_url_says() {
        assert_eq!(
            read("postgres:///orders?host=/run/pg").unwrap().host(),
            "localhost"
        );
        assert_eq!(
            read("postgres://10.0.0.1/orders").unwrap().host(),
            "10.0.0.1"
        );
        assert_eq!(read("sqlite:a.db").unwrap().host(), "localhost");
    }

    #[test]
    fn several_hosts_may_each_have_a_port() {
        for text in [
            "postgres://me:hunter2@a:5433,b:5434/orders?target_session_attrs=read-write",
            "postgres://me:hunter2@a,b/orders?port=5433,5434",
        ] {
            let address = read(text).unwrap();
            assert_eq!(address.to_string(), "postgres://a:5433,b:5434/orders");
            assert_eq!(address.host(), "a,b");
        }
        let error = read("postgres://me:hunter2@a:1,b:2").unwrap_err();
        assert_eq!(error, AddressError::NoDatabase);
    }

    #[test]
    fn what_names_no_database_is_refused() {
        assert_eq!(read("postgres://h/"), Err(AddressError::NoDatabase));
        assert_eq!(read("mysql://h"), Err(AddressError::NoDatabase));
        assert_eq!(read("sqlite:"), Err(AddressError::NoFile));
        assert_eq!(read("sqlite::memory:"), Err(AddressError::Memory));
        assert_eq!(read("orders"), Err(AddressError::Scheme));
        assert_eq!(
            read("oracle://h/x"),
            Err(AddressError::Unknown("oracle".into()))
        );
    }
}
