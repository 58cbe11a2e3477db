//! TLS as `libpq` understands it, on a server that has it.

use crate::bench::{open, target};
use greylag_engines::{OpenError, open as try_open};
use greylag_lab::{Engine, Options, Server};
use std::{os::unix::fs::PermissionsExt, path::Path, process::Command};

/// A server with TLS, and a folder with the certificate authority that it is of.
struct Secured {
    server: Server,
    folder: tempfile::TempDir,
}

impl Secured {
    async fn start() -> Option<Self> {
        if !greylag_lab::available(Engine::Postgres) {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        if !authority(folder.path()) {
            eprintln!("\n##### SKIPPED: no openssl to make certificates with\n");
            return None;
        }
        let server = Server::start(Engine::Postgres, Options::default())
            .await
            .unwrap();
        for name in ["server.crt", "server.key"] {
            let there = server.folder().join(name);
            std::fs::copy(folder.path().join(name), &there).unwrap();
            std::fs::set_permissions(&there, PermissionsExt::from_mode(0o600)).unwrap();
            let owner = std::fs::metadata(server.folder()).unwrap();
            let (uid, gid) = owner_of(&owner);
            std::os::unix::fs::chown(&there, Some(uid), Some(gid)).unwrap();
        }
        for setting in ["ssl_cert_file", "ssl_key_file"] {
            let name = if setting.contains("cert") {
                "server.crt"
            } else {
                "server.key"
            };
            let path = server.folder().join(name);
            let sql = format!("ALTER SYSTEM SET {setting} = '{}'", path.display());
            server.execute("postgres", &sql).await.unwrap();
        }
        server
            .execute("postgres", "ALTER SYSTEM SET ssl = on")
            .await
            .unwrap();
        server.stop_fast().await;
        server.restart().await.unwrap();
        Some(Self { server, folder })
    }

    fn url(&self, host: &str, options: &str) -> String {
        let port = self.server.port();
        format!("postgres://greylag:greylag@{host}:{port}/postgres?{options}")
    }

    fn root(&self) -> String {
        self.folder.path().join("ca.crt").display().to_string()
    }
}

fn owner_of(metadata: &std::fs::Metadata) -> (u32, u32) {
    use std::os::unix::fs::MetadataExt;
    (metadata.uid(), metadata.gid())
}

/// A certificate authority, and a certificate of its for `localhost`.
fn authority(folder: &Path) -> bool {
    let run = |arguments: &str| {
        Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(folder)
            .output()
            .is_ok_and(|output| output.status.success())
    };
    std::fs::write(folder.join("names"), "subjectAltName=DNS:localhost\n").unwrap();
    run(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.crt -subj /CN=lab -days 2",
    ) && run(
        "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout server.key -out server.csr -subj /CN=server",
    ) && run(
        "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out server.crt -days 2 -extfile names",
    )
}

const ASKS: &str = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_sslmode_proves_what_libpq_proves() {
    let Some(secured) = Secured::start().await else {
        return;
    };
    let root = secured.root();
    let encrypted = async |host: &str, options: &str| {
        let mut session = open(&target(&secured.url(host, options))).await;
        session.ask(ASKS).await.unwrap().unwrap() == "t"
    };
    assert!(!encrypted("127.0.0.1", "sslmode=disable").await);
    assert!(!encrypted("127.0.0.1", "sslmode=allow").await);
    assert!(encrypted("127.0.0.1", "sslmode=prefer").await);
    assert!(encrypted("127.0.0.1", "").await);
    assert!(encrypted("127.0.0.1", "sslmode=require").await);
    assert!(
        encrypted(
            "localhost",
            &format!("sslmode=verify-full&sslrootcert={root}")
        )
        .await
    );
    assert!(
        encrypted(
            "127.0.0.1",
            &format!("sslmode=verify-ca&sslrootcert={root}")
        )
        .await
    );
    let refused = async |host: &str, options: &str| {
        let tried = try_open(&target(&secured.url(host, options))).await;
        assert!(
            matches!(tried.err(), Some(OpenError::Tls { .. })),
            "{host} {options}"
        );
    };
    refused(
        "127.0.0.1",
        &format!("sslmode=verify-full&sslrootcert={root}"),
    )
    .await;
    refused("localhost", "sslmode=verify-full").await;
    refused("localhost", "sslmode=verify-ca").await;
    refused("localhost", "sslmode=verify-ca&sslrootcert=/no/such/file").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_goes_over_tls_too() {
    let Some(secured) = Secured::start().await else {
        return;
    };
    let options = format!("sslmode=verify-full&sslrootcert={}", secured.root());
    let mut session = open(&target(&secured.url("localhost", &options))).await;
    let canceller = session.canceller();
    let sleeping = tokio::spawn(async move { session.ask("SELECT pg_sleep(60)").await });
    crate::bench::until("it sleeps", async || {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        secured
            .server
            .value("postgres", sql)
            .await
            .unwrap()
            .as_deref()
            == Some("1")
    })
    .await;
    canceller.cancel().await.unwrap();
    let error = sleeping.await.unwrap().unwrap_err();
    assert!(error.to_string().contains("cancel"), "{error}");
}
