//! TLS, hosts, settings of a working connection, poolers.

use crate::bench::{Bench, open, target};
use greylag_engines::{OpenError, open as try_open};

#[tokio::test]
async fn a_working_connection_is_set_so_that_a_vanished_client_is_noticed() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.session().await;
    for (name, value) in [
        ("client_connection_check_interval", "500ms"),
        ("idle_session_timeout", "0"),
        ("statement_timeout", "0"),
        ("application_name", "greylag/r-1/eu-1"),
        ("tcp_keepalives_idle", "30"),
        ("tcp_user_timeout", "60000"),
    ] {
        let shown = session.ask(&format!("SHOW {name}")).await.unwrap();
        assert_eq!(shown.as_deref(), Some(value), "{name}");
    }
    let pid = session.ask("SELECT pg_backend_pid()").await.unwrap();
    assert_eq!(pid, Some(session.pid()));
}

#[tokio::test]
async fn the_first_host_that_answers_as_asked_is_taken() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let port = bench.server.port();
    let url = format!(
        "postgres://greylag:greylag@127.0.0.1,127.0.0.1/{}?port=1,{port}&target_session_attrs=read-write",
        bench.database.name
    );
    let mut session = open(&target(&url)).await;
    assert_eq!(
        session.ask("SHOW port").await.unwrap(),
        Some(port.to_string())
    );
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_tls_is_required_and_taken_where_preferred() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let separator = if bench.database.url.contains('?') {
        '&'
    } else {
        '?'
    };
    for mode in ["require", "verify-ca", "verify-full"] {
        let url = format!("{}{separator}sslmode={mode}", bench.database.url);
        let Err(error) = try_open(&target(&url)).await else {
            panic!("{mode}")
        };
        assert!(matches!(error, OpenError::Tls { .. }), "{mode}: {error:?}");
    }
    for mode in ["disable", "allow", "prefer"] {
        let url = format!("{}{separator}sslmode={mode}", bench.database.url);
        open(&target(&url)).await;
    }
}

#[tokio::test]
async fn an_option_of_the_url_that_nobody_knows_is_refused_by_name() {
    let Err(OpenError::Url { why, .. }) = try_open(&target("postgres://h/db?sslmod=require")).await
    else {
        panic!("it can't open");
    };
    assert!(why.contains("`sslmod`"), "{why}");
}
