//! Getting in: logins, TLS, names of servers, and what a look at a server proves.

use crate::stage::{Stage, claim, hold, lab_engine};
use greylag_core::{engine::Engine, survey::Role};
use greylag_engines::{Level, OpenError, PasswordSource, Secret, SecretError, Target};
use greylag_lab::{Cluster, Options, Server};
use std::{path::Path, process::Command, sync::Arc};

/// The error, with its causes.
async fn refused(target: &Target) -> String {
    let error = match greylag_engines::open(target).await {
        Err(error) => error,
        Ok(_) => panic!("{target:?} let us in"),
    };
    let mut text = format!("{error:?}");
    let mut next: Option<&dyn std::error::Error> = Some(&error);
    while let Some(error) = next {
        text = format!("{text}: {error}");
        next = error.source();
    }
    text
}

#[derive(Debug)]
struct Told(&'static str);

#[async_trait::async_trait]
impl PasswordSource for Told {
    async fn resolve(&self) -> Result<Secret, SecretError> {
        Ok(Secret::new(self.0))
    }
}

on_both!(a_wrong_password_is_said_without_the_password(stage, shared) {
    let mut target = stage.target();
    target.password = Some(Arc::new(Told("sesame-open")));
    let text = refused(&target).await;
    assert!(text.contains("refuses the login of `greylag`"), "{text}");
    assert!(!text.contains("sesame"), "{text}");
    assert!(!text.contains(":greylag@"), "{text}");
    target.password = Some(Arc::new(Told("greylag")));
    assert!(greylag_engines::open(&target).await.is_ok());
});

on_both!(a_missing_database_and_an_unknown_parameter_are_named(stage, shared) {
    let text = refused(&stage.target_at(&stage.database.url.replace(&stage.database.name, "nope_at_all"))).await;
    assert!(text.contains("nope_at_all"), "{text}");
    let text = refused(&stage.target_at(&format!("{}?useSSL=true", stage.database.url))).await;
    assert!(text.contains("`useSSL`") && text.contains("ssl-mode"), "{text}");
    let mut target = stage.target();
    target.schema = Some("tenant".into());
    assert!(refused(&target).await.contains("a schema is a database"));
});

on_both!(session_sql_runs_first_and_its_error_is_named(stage, shared) {
    let mut target = stage.target();
    target.session_sql = Arc::from(["SET @@group_concat_max_len = 4321".to_owned()]);
    let mut session = greylag_engines::open(&target).await.unwrap();
    assert_eq!(session.ask("SELECT @@group_concat_max_len").await.unwrap().as_deref(), Some("4321"));
    target.session_sql = Arc::from(["SET nonsense = 1".to_owned()]);
    let text = refused(&target).await;
    assert!(text.contains("SET nonsense = 1"), "{text}");
});

on_both!(a_url_of_the_other_flavour_works_and_doctor_says_so(stage, shared) {
    let mut target = stage.target();
    target.engine = match stage.engine {
        Engine::Mysql => Engine::Mariadb,
        _ => Engine::Mysql,
    };
    let mut session = greylag_engines::open(&target).await.unwrap();
    assert_eq!(session.engine(), stage.engine);
    let lines = session.diagnose().await.unwrap();
    assert!(lines.iter().any(|l| l.level == Level::Warning && l.what.contains("the URL says")), "{lines:?}");
});

on_both!(an_account_without_rights_is_told_the_grant(stage, shared) {
    stage.run(&format!("GRANT SELECT ON `{}`.* TO greylag_plain@'%'", stage.database.name)).await;
    let url = stage.server.url_through(stage.server.port(), "greylag_plain", &stage.database.name);
    let mut session = greylag_engines::open(&stage.target_at(&url)).await.unwrap();
    let survey = session.survey().await.unwrap();
    assert_eq!(survey.role, Role::Primary);
    let lines = session.diagnose().await.unwrap();
    let mend = lines.iter().find(|l| l.level == Level::Problem).and_then(|l| l.mend.clone()).unwrap();
    assert!(mend.starts_with("GRANT INSERT, UPDATE, DELETE, CREATE"), "{mend}");
    assert!(lines.iter().any(|l| l.what.contains("replica")), "{lines:?}");
    hold(session.as_mut()).await;
    let error = session.prepare(&claim()).await.unwrap_err();
    assert!(format!("{error:?}").contains("GRANT SELECT, INSERT"), "{error:?}");
    // What it says mends it.
    stage.run(&mend.trim_end_matches(';').replace("'greylag_plain'@'%'", "greylag_plain@'%'")).await;
    drop(session);
    let mut session = greylag_engines::open(&stage.target_at(&url)).await.unwrap();
    hold(session.as_mut()).await;
    session.prepare(&claim()).await.unwrap();
    assert!(session.diagnose().await.unwrap().iter().all(|l| l.level != Level::Problem));
});

on_both!(a_server_set_read_only_is_seen_as_such(stage, private) {
    let mut session = stage.open().await;
    stage.run("SET GLOBAL read_only = 1").await;
    assert_eq!(session.survey().await.unwrap().role, Role::ReadOnly);
    let lineage = session.survey().await.unwrap().server.lineage;
    drop(session);
    stage.server.restart().await.unwrap();
    let survey = stage.open().await.survey().await.unwrap();
    assert_eq!(survey.role, Role::Primary);
    assert_eq!(survey.server.lineage, lineage, "a restart is no other server");
});

async fn replica_is_seen(engine: Engine) {
    if !greylag_lab::available(lab_engine(engine)) {
        return;
    }
    let cluster = Cluster::start(lab_engine(engine), 1).await.unwrap();
    let database = cluster.database("rep").await.unwrap();
    let stage = Stage::holding(
        Arc::new(
            Server::start(lab_engine(engine), Options::default())
                .await
                .unwrap(),
        ),
        engine,
    )
    .await;
    let url = cluster.replica(0).url(&database.name);
    let mut session = greylag_engines::open(&stage.target_at(&url)).await.unwrap();
    let replica = session.survey().await.unwrap();
    assert_eq!(replica.role, Role::Replica);
    // One that accepts writes is still a replica.
    cluster
        .replica(0)
        .execute("", "SET GLOBAL read_only = 0")
        .await
        .unwrap();
    assert_eq!(session.survey().await.unwrap().role, Role::Replica);
    let grant = format!("GRANT ALL ON `{}`.* TO greylag_plain@'%'", database.name);
    cluster.primary().execute("", &grant).await.unwrap();
    cluster.wait_replayed().await.unwrap();
    let plain =
        cluster
            .replica(0)
            .url_through(cluster.replica(0).port(), "greylag_plain", &database.name);
    let mut session = greylag_engines::open(&stage.target_at(&plain))
        .await
        .unwrap();
    assert_eq!(
        session.survey().await.unwrap().role,
        Role::Replica,
        "seen without a privilege too"
    );
    let mut session = greylag_engines::open(&stage.target_at(&database.url))
        .await
        .unwrap();
    let primary = session.survey().await.unwrap();
    assert_eq!(primary.role, Role::Primary);
    assert_ne!(primary.server.lineage, replica.server.lineage);
    assert!(session.position().await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_is_seen_even_if_it_accepts_writes_on_mysql() {
    replica_is_seen(Engine::Mysql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_is_seen_even_if_it_accepts_writes_on_mariadb() {
    replica_is_seen(Engine::Mariadb).await;
}

on_both!(tls_is_as_strict_as_the_url_asks(stage, shared) {
    if Command::new("openssl").arg("version").output().is_err() {
        eprintln!("\n##### SKIPPED: no openssl to make certificates with\n");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    make_certificates(folder.path());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let options = Options::default()
        .set("ssl_ca", &file("ca.pem"))
        .set("ssl_cert", &file("server.pem"))
        .set("ssl_key", &file("server.key"));
    let server = Server::start(lab_engine(stage.engine), options).await.unwrap();
    let guarded = Stage::holding(Arc::new(server), stage.engine).await;
    let url = &guarded.database.url;
    let cipher = async |url: &str| {
        let mut session = greylag_engines::open(&guarded.target_at(url)).await.unwrap_or_else(|e| panic!("{url}: {e:?}"));
        let name = "SELECT variable_value FROM {} WHERE variable_name = 'Ssl_cipher'";
        let status = match guarded.engine {
            Engine::Mysql => "performance_schema.session_status",
            _ => "information_schema.session_status",
        };
        session.ask(&name.replace("{}", status)).await.unwrap().unwrap_or_default()
    };
    assert_ne!(cipher(url).await, "", "TLS where the server has it");
    assert_eq!(cipher(&format!("{url}?ssl-mode=DISABLED")).await, "");
    assert_ne!(cipher(&format!("{url}?sslmode=require")).await, "");
    let ca = file("ca.pem");
    // An authority that is named is asked, in whatever mode.
    let asked = ["", "ssl-mode=REQUIRED&", "sslmode=require&", "ssl-mode=VERIFY_CA&", "require_ssl=true&"];
    let elsewhere = url.replace("127.0.0.1", "localhost");
    for mode in asked {
        assert_ne!(cipher(&format!("{url}?{mode}ssl-ca={ca}")).await, "", "{mode}");
        // Of the name that the certificate is for nothing was said.
        assert_ne!(cipher(&format!("{elsewhere}?{mode}ssl-ca={ca}")).await, "", "{mode}");
        for url in [url, &elsewhere] {
            let strangers = guarded.target_at(&format!("{url}?{mode}ssl-ca={}", file("other.pem")));
            let refused = greylag_engines::open(&strangers).await;
            assert!(matches!(refused, Err(OpenError::Tls { .. })), "{mode} believes any authority");
        }
    }
    for mode in ["PREFERRED", "DISABLED"] {
        let text = refused(&guarded.target_at(&format!("{url}?ssl-mode={mode}&ssl-ca={ca}"))).await;
        assert!(text.contains(&format!("ssl-mode={mode}")) && text.contains("VERIFY_IDENTITY"), "{text}");
    }
    assert_ne!(cipher(&format!("{url}?ssl-mode=VERIFY_IDENTITY&ssl-ca={ca}")).await, "");
    let strangers = guarded.target_at(&format!("{url}?ssl-mode=VERIFY_IDENTITY&ssl-ca={}", file("other.pem")));
    assert!(matches!(greylag_engines::open(&strangers).await, Err(OpenError::Tls { .. })));
    let unknown = guarded.target_at(&format!("{url}?ssl-mode=VERIFY_IDENTITY"));
    assert!(matches!(greylag_engines::open(&unknown).await, Err(OpenError::Tls { .. })));
    let elsewhere = guarded.target_at(&format!("{}?ssl-mode=VERIFY_IDENTITY&ssl-ca={ca}", url.replace("127.0.0.1", "localhost")));
    assert!(matches!(greylag_engines::open(&elsewhere).await, Err(OpenError::Tls { .. })), "a certificate for another name");
});

// An authority is asked even where the server could be had without TLS.
on_both!(an_authority_is_never_traded_for_no_tls(stage, shared) {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, "").unwrap();
    let off = match stage.engine {
        Engine::Mysql => Options::default().set("tls_version", ""),
        _ => Options::default().set("ssl", "0"),
    };
    let server = Server::start(lab_engine(stage.engine), off).await.unwrap();
    let plain = Stage::holding(Arc::new(server), stage.engine).await;
    let url = &plain.database.url;
    greylag_engines::open(&plain.target_at(url)).await.unwrap();
    let wanted = plain.target_at(&format!("{url}?ssl-ca={}", ca.display()));
    assert!(matches!(greylag_engines::open(&wanted).await, Err(OpenError::Tls { .. })));
});

/// The certificates that MySQL makes for itself name no host.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mysqls_own_authority_proves_its_own_certificate() {
    let Some(stage) = Stage::private(Engine::Mysql).await else {
        return;
    };
    let folder = stage.value("SELECT @@datadir").await.unwrap();
    let url = format!("{}?ssl-ca={folder}ca.pem", stage.database.url);
    let opened = greylag_engines::open(&stage.target_at(&url)).await;
    opened.unwrap_or_else(|why| panic!("{why:?}"));
    let strict = stage.target_at(&format!("{url}&ssl-mode=VERIFY_IDENTITY"));
    assert!(matches!(
        greylag_engines::open(&strict).await,
        Err(OpenError::Tls { .. })
    ));
}

/// Two authorities, and a server's certificate of the first, for 127.0.0.1.
fn make_certificates(folder: &Path) {
    let run = |arguments: &str| {
        let done = Command::new("openssl")
            .current_dir(folder)
            .args(arguments.split(' '))
            .output()
            .unwrap();
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
    };
    for name in ["ca", "other"] {
        run(&format!(
            "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name} -keyout {name}.key -out {name}.pem"
        ));
    }
    run("req -newkey rsa:2048 -nodes -subj /CN=server -keyout server.key -out server.csr");
    std::fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    run(
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem",
    );
    use std::os::unix::fs::PermissionsExt;
    for name in ["ca.pem", "server.pem", "server.key"] {
        std::fs::set_permissions(folder.join(name), PermissionsExt::from_mode(0o644)).unwrap();
    }
    std::fs::set_permissions(folder, PermissionsExt::from_mode(0o755)).unwrap();
}

/// Changes the connection id in the server's greeting, as a pooler does that has ids of its own.
async fn renumber(port: u16) -> u16 {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut server = tokio::net::TcpStream::connect(("127.0.0.1", port))
            .await
            .unwrap();
        let mut head = [0; 4];
        server.read_exact(&mut head).await.unwrap();
        let mut greeting = vec![0; usize::from(head[0]) + usize::from(head[1]) * 256];
        server.read_exact(&mut greeting).await.unwrap();
        // Protocol, version, NUL, then the id.
        let id = greeting.iter().skip(1).position(|b| *b == 0).unwrap() + 2;
        greeting[id] = greeting[id].wrapping_add(1);
        client.write_all(&head).await.unwrap();
        client.write_all(&greeting).await.unwrap();
        let _ = copy_bidirectional(&mut client, &mut server).await;
    });
    own
}

on_both!(a_pooler_that_hands_out_its_own_ids_is_refused(stage, shared) {
    let port = renumber(stage.server.port()).await;
    let url = stage.server.url_through(port, "greylag", &stage.database.name);
    let refused = greylag_engines::open(&stage.target_at(&format!("{url}?ssl-mode=DISABLED"))).await;
    assert!(matches!(refused, Err(OpenError::Pooler { .. })));
});
