//! What a working connection is set to as it starts, without a round trip of its own.
//!
//! Startup options survive RESET ALL, so a migration's own settings can't undo them for the next one.

use std::time::Duration;

use tokio_postgres::Config;

use super::quote;
use crate::target::Target;

/// How often a server looks whether its client is still there, while a statement runs.
pub const CHECK_INTERVAL: &str = "500ms";

/// Which of the settings a server is asked for: not all take all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    All,
    /// Without `client_connection_check_interval`, which some platforms refuse.
    NoCheck,
}

/// Completes the driver's configuration for a target.
pub fn fill(config: &mut Config, target: &Target, own: &str, asked: Asked) {
    config.application_name(&*target.application);
    // Without these a vanished host would hold our lock for hours; the URL may say otherwise.
    if config.get_keepalives_idle() == Duration::from_secs(2 * 60 * 60) {
        config.keepalives_idle(Duration::from_secs(30));
    }
    if config.get_keepalives_interval().is_none() {
        config.keepalives_interval(Duration::from_secs(10));
    }
    if config.get_keepalives_retries().is_none() {
        config.keepalives_retries(3);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(Duration::from_secs(60));
    }
    config.options(options(target, own, asked));
}

fn options(target: &Target, own: &str, asked: Asked) -> String {
    let mut settings = vec![
        ("idle_session_timeout", "0".to_owned()),
        ("statement_timeout", "0".to_owned()),
        ("idle_in_transaction_session_timeout", "0".to_owned()),
        ("tcp_keepalives_idle", "30".to_owned()),
        ("tcp_keepalives_interval", "10".to_owned()),
        ("tcp_keepalives_count", "3".to_owned()),
        ("tcp_user_timeout", "60000".to_owned()),
        ("client_min_messages", "notice".to_owned()),
    ];
    if asked == Asked::All {
        settings.push((
            "client_connection_check_interval",
            CHECK_INTERVAL.to_owned(),
        ));
    }
    if let Some(schema) = &target.schema {
        settings.push(("search_path", quote::ident(schema)));
    }
    let ours: Vec<String> = settings
        .iter()
        .map(|(name, value)| format!("-c {name}={}", quote::option(value)))
        .collect();
    // The URL's own come first: a shard's schema and our keepalives are not theirs to change.
    format!("{} {}", own.trim(), ours.join(" "))
        .trim()
        .to_owned()
}
