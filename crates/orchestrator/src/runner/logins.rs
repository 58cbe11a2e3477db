//! The real tools log in to real servers with the files that they are given: over TLS that is proven, with passwords of all kinds.

use super::{
    arguments,
    folder::Folder,
    ghost,
    process::{Process, Said},
};
use greylag_core::online::{GH_OST, PT_OSC, ToolRule};
use greylag_engines::{Access, Secret, TableChange, TlsFiles, TlsProof};
use greylag_lab::{Engine, Options, Server, TestDatabase};
use std::path::PathBuf;

const PASSWORDS: [&str; 4] = [
    "-a b='c' \"d\" #e;f",
    "\\back\\\\slash\\n\\\" ü€𝄞 `tick` @/:?&%41,",
    " two\nlines\t%(user)s ${HOME} ",
    "'quoted'",
];

struct Stage {
    server: Server,
    database: TestDatabase,
    tool: &'static str,
    program: PathBuf,
}

impl Stage {
    async fn start(engine: Engine, tool: &'static str) -> Option<Stage> {
        if !greylag_lab::available(engine) {
            return None;
        }
        let program = greylag_lab::tool(tool)?;
        let server = Server::start(engine, Options::default().tls())
            .await
            .unwrap();
        let database = server.database("r").await.unwrap();
        let stage = Stage {
            server,
            database,
            tool,
            program,
        };
        stage
            .run("CREATE TABLE t (id int PRIMARY KEY, a int)")
            .await;
        stage.run("INSERT INTO t VALUES (1, 1), (2, 2)").await;
        Some(stage)
    }

    async fn run(&self, sql: &str) {
        self.server.execute(&self.database.name, sql).await.unwrap();
    }

    /// An account that may log in over TLS alone.
    async fn account(&self, password: &str) {
        let literal = password.replace('\\', "\\\\").replace('\'', "\\'");
        self.run("DROP USER IF EXISTS odd@'%'").await;
        self.run(&format!(
            "CREATE USER odd@'%' IDENTIFIED BY '{literal}' REQUIRE SSL"
        ))
        .await;
        self.run("GRANT ALL PRIVILEGES ON *.* TO odd@'%'").await;
    }

    /// Has the tool change the table, and says whether it came to its end, with what it said.
    async fn changes(&self, access: Access, clause: &str) -> (bool, String) {
        let change = TableChange {
            access,
            schema: self.database.name.clone(),
            table: "t".into(),
            alter: clause.into(),
            mark: "gl01ab23".into(),
            new_table: Some(match self.tool {
                GH_OST => "_t_gl01ab23_gho".into(),
                _ => "_t_gl01ab23".into(),
            }),
            lock_timeout_seconds: 5,
            settings: match (self.server.engine(), self.tool) {
                (Engine::MySql, PT_OSC) => &["explain_format=TRADITIONAL"],
                _ => &[],
            },
        };
        let rule = ToolRule {
            program: Some(self.program.display().to_string()),
            ..ToolRule::known(self.tool).unwrap()
        };
        let folder = Folder::make(&change.access).unwrap();
        let variables = match self.tool {
            GH_OST => ghost::write_login(&folder, &change.access).unwrap(),
            _ => Vec::new(),
        };
        let command = arguments::command(self.tool, &rule, &change, &folder);
        let mut process = Process::start(
            &command,
            &variables,
            std::path::Path::new("/"),
            folder.path(),
        )
        .unwrap();
        let mut said = String::new();
        loop {
            match process.next().await {
                Said::Line(_, line) => said += &(line + "\n"),
                Said::End(status) => return (status.unwrap().success(), said),
            }
        }
    }

    fn access(&self, password: &str, authorities: PathBuf) -> Access {
        Access {
            host: "127.0.0.1".into(),
            port: self.server.port(),
            socket: None,
            user: "odd".into(),
            password: Some(Secret::new(password)),
            tls: Some(TlsFiles {
                proof: TlsProof::Identity,
                authorities: Some(authorities),
                certificate: None,
            }),
        }
    }
}

async fn logs_in(engine: Engine, tool: &'static str) {
    let Some(stage) = Stage::start(engine, tool).await else {
        return;
    };
    for (number, password) in PASSWORDS.into_iter().enumerate() {
        stage.account(password).await;
        let access = stage.access(password, stage.server.ca_file());
        let clause = format!("ADD c{number} int");
        let (done, said) = stage.changes(access, &clause).await;
        assert!(done, "{password:?}: {said}");
    }
    let columns = "SELECT COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 't'";
    let columns = stage.server.value(&stage.database.name, columns).await;
    assert_eq!(columns.unwrap().as_deref(), Some("6"));
}

async fn proves_the_server(engine: Engine, tool: &'static str) {
    let Some(stage) = Stage::start(engine, tool).await else {
        return;
    };
    let Ok(other) = Server::start(engine, Options::default().tls()).await else {
        return;
    };
    stage.account("odd").await;
    let (done, said) = stage
        .changes(stage.access("odd", other.ca_file()), "ADD c int")
        .await;
    assert!(!done, "{said}");
    let said = said.to_lowercase();
    assert!(said.contains("certificate"), "{said}");
    // Its name counts too: the certificate is for 127.0.0.1 and localhost.
    let mut access = stage.access("odd", stage.server.ca_file());
    access.host = "127.0.0.2".into();
    let (done, said) = stage.changes(access, "ADD c int").await;
    assert!(!done, "{said}");
    // Where nothing is to be proven there is TLS all the same: the account asks for it.
    let mut access = stage.access("odd", other.ca_file());
    access.tls = Some(TlsFiles::default());
    let (done, said) = stage.changes(access, "ADD c int").await;
    assert!(done, "{said}");
}

#[tokio::test]
async fn percona_s_tool_logs_in_with_any_password_over_tls_on_mysql() {
    logs_in(Engine::MySql, PT_OSC).await;
}

#[tokio::test]
async fn percona_s_tool_logs_in_with_any_password_over_tls_on_mariadb() {
    logs_in(Engine::MariaDb, PT_OSC).await;
}

#[tokio::test]
async fn gh_ost_logs_in_with_any_password_over_tls() {
    logs_in(Engine::MySql, GH_OST).await;
}

#[tokio::test]
async fn percona_s_tool_proves_the_server_on_mysql() {
    proves_the_server(Engine::MySql, PT_OSC).await;
}

#[tokio::test]
async fn percona_s_tool_proves_the_server_on_mariadb() {
    proves_the_server(Engine::MariaDb, PT_OSC).await;
}

#[tokio::test]
async fn gh_ost_proves_the_server() {
    proves_the_server(Engine::MySql, GH_OST).await;
}
