//! How a server of one's own is to be.

use crate::installation::Installation;

/// How a server is to be started.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Settings on top of the lab's, as the engine's configuration file spells them.
    pub settings: Vec<(String, String)>,
    /// Which of the machine's installations; the first of [`crate::installed`] otherwise.
    pub installation: Option<Installation>,
    /// Whether it offers TLS, with a certificate for 127.0.0.1 and localhost ([`crate::Server::ca_file`]).
    pub tls: bool,
}

impl Options {
    /// Adds a setting.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// MySQL without GTIDs: replicas follow by log and offset. (MariaDB always writes them.)
    #[must_use]
    pub fn without_gtids(self) -> Self {
        self.set("gtid_mode", "OFF")
            .set("enforce_gtid_consistency", "OFF")
    }

    /// Offers TLS.
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Chooses an installation.
    #[must_use]
    pub fn on(mut self, installation: Installation) -> Self {
        self.installation = Some(installation);
        self
    }
}
