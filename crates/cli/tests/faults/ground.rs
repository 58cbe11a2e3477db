//! A project over a few shards of one engine, with a proxy before its server where there is one, and greylag run on it.

use crate::run::{Ran, Running};
use greylag_lab::{Engine, Options, Proxy, Scratch, Server};
use std::{fs, path::PathBuf, process::Stdio, sync::Arc, time::Duration};
use tokio::process::Command;

/// What is set where a test says nothing: one wave at a time, nothing waited for.
const PLAIN: &str = "[replicas]\nwait = \"none\"\n";

pub struct Ground {
    pub folder: Scratch,
    pub engine: Engine,
    pub server: Option<Arc<Server>>,
    pub proxy: Option<Proxy>,
    /// Of each shard: the database on the server, or the file.
    pub databases: Vec<String>,
    urls: Vec<String>,
}

impl Ground {
    /// `shards` fresh databases on the server that all tests share. `None` (said loudly) where the machine has none.
    pub async fn on(engine: Engine, shards: usize) -> Option<Ground> {
        let server = match engine {
            Engine::Sqlite => None,
            _ => Some(greylag_lab::require(engine).await?),
        };
        Some(Ground::over(engine, server, shards).await)
    }

    /// On a server of its own, that may be hurt.
    pub async fn alone(engine: Engine, shards: usize, options: Options) -> Option<Ground> {
        if !greylag_lab::available(engine) {
            return None;
        }
        let server = Server::start(engine, options).await.expect("a server");
        Some(Ground::over(engine, Some(Arc::new(server)), shards).await)
    }

    async fn over(engine: Engine, server: Option<Arc<Server>>, shards: usize) -> Ground {
        let folder = Scratch::new().expect("a folder");
        let proxy = match &server {
            Some(server) => Some(Proxy::start(server.port()).await.expect("a proxy")),
            None => None,
        };
        fs::create_dir(folder.file("migrations")).expect("a folder");
        let mut ground = Ground {
            folder,
            engine,
            server,
            proxy,
            databases: Vec::new(),
            urls: Vec::new(),
        };
        for _ in 0..shards {
            ground.add_shard().await;
        }
        ground
    }

    /// One more database, behind those that are there. It is in no project until the next [`Ground::project`].
    pub async fn add_shard(&mut self) {
        let at = self.databases.len();
        match (&self.server, &self.proxy) {
            (Some(server), Some(proxy)) => {
                let database = server
                    .database(&format!("f{at:02}"))
                    .await
                    .expect("a database");
                let url = server.url_through(proxy.port(), "greylag", &database.name);
                // The proxy reads along for its traps. MySQL, and MariaDB from 11.4 on, encrypt by themselves.
                let plain = if matches!(self.engine, Engine::MySql | Engine::MariaDb) {
                    "?ssl-mode=DISABLED"
                } else {
                    ""
                };
                self.urls.push(url + plain);
                self.databases.push(database.name);
            }
            _ => {
                let file = self.folder.file(&format!("s{at:02}.db"));
                // An empty file would be no database.
                rusqlite::Connection::open(&file)
                    .and_then(|file| file.execute_batch("PRAGMA user_version = 1"))
                    .expect("an SQLite file");
                self.urls.push(format!("sqlite:{}", file.display()));
                self.databases.push(file.display().to_string());
            }
        }
    }

    pub fn server(&self) -> &Server {
        self.server.as_ref().expect("this engine has a server")
    }

    pub fn proxy(&self) -> &Proxy {
        self.proxy.as_ref().expect("this engine has a proxy")
    }

    /// Writes the project file: all shards, and `more` settings.
    pub fn project(&self, more: &str) {
        let shards: String = (0..self.urls.len()).map(|at| self.shard(at, "")).collect();
        self.write_project(
            "greylag.toml",
            &format!("{}{more}{shards}", Ground::head("")),
        );
    }

    /// The first lines of a project file; `settings` are of the top level.
    pub fn head(settings: &str) -> String {
        format!(
            "project = \"faults\"\nenvironment = \"test\"\nmigrations = \"migrations\"\n{settings}\n{PLAIN}\n"
        )
    }

    /// A shard's lines in a project file.
    pub fn shard(&self, at: usize, more: &str) -> String {
        format!(
            "\n[[shard]]\nname = \"s{at:02}\"\nprimary = \"{}\"\n{more}",
            self.urls[at]
        )
    }

    pub fn write_project(&self, file: &str, text: &str) {
        fs::write(self.folder.file(file), text).expect("the project file");
    }

    pub fn migration(&self, file: &str, sql: &str) {
        fs::write(self.folder.file("migrations").join(file), sql).expect("a migration");
    }

    /// Runs greylag to its end.
    pub async fn run(&self, args: &[&str]) -> Ran {
        self.start(args).end().await
    }

    /// Starts greylag on the project.
    pub fn start(&self, args: &[&str]) -> Running {
        self.start_on("greylag.toml", args)
    }

    /// Starts greylag on another project file.
    pub fn start_on(&self, project: &str, args: &[&str]) -> Running {
        Running::spawn(self.command(project, args))
    }

    /// Starts `greylag apply` at a terminal of its own, which may be written to.
    pub fn at_a_terminal(&self) -> Running {
        let program = env!("CARGO_BIN_EXE_greylag");
        let config = self.file("greylag.toml");
        let mut command = Command::new("script");
        command
            .args(["--quiet", "--return", "--command"])
            .arg(format!("{program} apply --config {}", config.display()))
            .arg("/dev/null")
            .current_dir(self.folder.path())
            .env("USER", "oncall")
            .stdin(Stdio::piped());
        Running::spawn(command)
    }

    fn command(&self, project: &str, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_greylag"));
        command
            .args(args)
            .arg("--config")
            .arg(self.file(project))
            .current_dir(self.folder.path())
            .env("USER", "oncall")
            .stdin(Stdio::null());
        command
    }

    /// Runs a command line that greylag printed, as a person would: in a shell, in the project's folder.
    pub async fn shell(&self, line: &str) -> Ran {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_greylag"));
        let folder = program.parent().expect("a folder").display().to_string();
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("sh");
        command
            .args(["-c", line])
            .current_dir(self.folder.path())
            .env("PATH", format!("{folder}:{path}"))
            .env("USER", "oncall")
            .stdin(Stdio::null());
        Running::spawn(command).end().await
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.file(name)
    }

    /// Runs a statement on a shard, as its administrator.
    pub async fn execute(&self, shard: usize, sql: &str) {
        match &self.server {
            None => self.open(shard).execute_batch(sql).expect("it runs"),
            Some(server) => server
                .execute(&self.databases[shard], sql)
                .await
                .expect("it runs"),
        }
    }

    /// The first value that a query finds on a shard.
    pub async fn value(&self, shard: usize, sql: &str) -> Option<String> {
        match &self.server {
            None => {
                let value = self
                    .open(shard)
                    .query_row(sql, [], |row| row.get::<_, rusqlite::types::Value>(0));
                match value.expect("a row") {
                    rusqlite::types::Value::Integer(n) => Some(n.to_string()),
                    rusqlite::types::Value::Text(text) => Some(text),
                    _ => None,
                }
            }
            Some(server) => server
                .value(&self.databases[shard], sql)
                .await
                .expect("a row"),
        }
    }

    /// A number that a query finds; none where the query fails (no such table).
    pub async fn count(&self, shard: usize, sql: &str) -> Option<i64> {
        let said = match &self.server {
            None => self
                .open(shard)
                .query_row(sql, [], |row| row.get::<_, i64>(0))
                .ok()?,
            Some(server) => server
                .value(&self.databases[shard], sql)
                .await
                .ok()??
                .parse()
                .ok()?,
        };
        Some(said)
    }

    /// The versions that a shard's history has, in the order they came, as `1 2 3`; empty where there is no history.
    pub async fn versions(&self, shard: usize) -> String {
        let sql = "SELECT version FROM greylag_schema_history WHERE version IS NOT NULL ORDER BY installed_rank";
        let rows: Vec<String> = match &self.server {
            None => {
                let file = self.open(shard);
                let Ok(mut query) = file.prepare(sql) else {
                    return String::new();
                };
                let rows = query.query_map([], |row| row.get(0)).expect("rows");
                rows.collect::<Result<_, _>>().expect("rows")
            }
            Some(server) => match server.rows(&self.databases[shard], sql).await {
                Ok(rows) => rows
                    .into_iter()
                    .filter_map(|row| row.into_iter().next()?.1)
                    .collect(),
                Err(_) => return String::new(),
            },
        };
        rows.join(" ")
    }

    fn open(&self, shard: usize) -> rusqlite::Connection {
        let file = rusqlite::Connection::open(&self.databases[shard]).expect("an SQLite file");
        file.busy_timeout(Duration::from_secs(10))
            .expect("a timeout");
        file
    }

    /// A session of somebody else that runs `sql` (which may sleep or hold locks) until aborted.
    pub fn somebody(&self, shard: usize, sql: &str) -> tokio::task::JoinHandle<()> {
        let server = Arc::clone(self.server.as_ref().expect("a server"));
        let (database, sql) = (self.databases[shard].clone(), sql.to_owned());
        tokio::spawn(async move {
            // Ended by the test, or by the server.
            let _ = server.execute(&database, &sql).await;
        })
    }
}
