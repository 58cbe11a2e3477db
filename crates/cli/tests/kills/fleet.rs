//! A small fleet, a proxy before it, and the oracle over it.

use crate::steps::{self, Step};
use greylag_lab::{Direction, Engine, Proxy, Scratch, Server, TestDatabase};
use std::{
    collections::BTreeMap,
    fs,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::process::{Child, Command};

const SHARDS: usize = 3;

/// What happens to an apply.
#[derive(Clone, Copy, Debug)]
pub enum Strike {
    KillAfter(Duration),
    /// SIGKILL as soon as so many bytes went through to the server, and the connection cut there.
    KillAfterBytesToServer(u64),
    KillAfterBytesToClient(u64),
    /// The connection is cut there, and greylag lives on: it must bring the rollout home, or say why not.
    CutAfterBytesToClient(u64),
}

pub struct Fleet {
    folder: Scratch,
    steps: &'static [Step],
    server: Option<(Arc<Server>, Proxy)>,
    databases: Vec<TestDatabase>,
    /// Where the journal is, if it is in PostgreSQL.
    state: Option<TestDatabase>,
    /// Traps of the proxy that have sprung so far.
    sprung: AtomicU64,
}

impl Fleet {
    pub async fn build(engine: Option<Engine>, seed: u64) -> Fleet {
        let steps = match engine {
            None => steps::SQLITE,
            Some(Engine::Postgres) => steps::POSTGRES,
            Some(_) => steps::MYSQL,
        };
        Fleet::with(engine, seed, steps).await
    }

    pub async fn with(engine: Option<Engine>, seed: u64, steps: &'static [Step]) -> Fleet {
        let folder = Scratch::new().expect("a folder");
        let mut fleet = Fleet {
            folder,
            steps,
            server: None,
            databases: Vec::new(),
            state: None,
            sprung: AtomicU64::new(0),
        };
        let mut urls = Vec::new();
        let mut state = String::new();
        match engine {
            None => {
                for at in 0..SHARDS {
                    let path = fleet.folder.file(&format!("s{at}.db"));
                    rusqlite::Connection::open(&path)
                        .and_then(|file| file.execute_batch("PRAGMA user_version = 1"))
                        .expect("an SQLite file");
                    urls.push(format!("sqlite:{}", path.display()));
                }
            }
            Some(engine) => {
                let server = greylag_lab::shared(engine).await.expect("the lab has it");
                let proxy = Proxy::start(server.port()).await.expect("a proxy");
                for _ in 0..SHARDS {
                    let database = server
                        .database(&format!("kill{seed}"))
                        .await
                        .expect("a database");
                    urls.push(server.url_through(proxy.port(), "greylag", &database.name));
                    fleet.databases.push(database);
                }
                // Every second journal is a team's, behind the same proxy: strikes land between what is written there, too.
                if engine == Engine::Postgres && !seed.is_multiple_of(2) {
                    let database = server.database("journal").await.expect("a database");
                    let url = server.url_through(proxy.port(), "greylag", &database.name);
                    state = format!("[state]\nurl = \"{url}\"\n\n");
                    fleet.state = Some(database);
                }
                fleet.server = Some((server, proxy));
            }
        }
        fleet.write_project(&urls, &state);
        fleet
    }

    fn write_project(&self, urls: &[String], state: &str) {
        let migrations = self.folder.file("migrations");
        fs::create_dir(&migrations).expect("a folder");
        for step in self.steps {
            fs::write(migrations.join(step.file), step.sql).expect("a migration");
        }
        let mut toml = String::from(
            "project = \"kills\"\nenvironment = \"test\"\nmigrations = \"migrations\"\n\n[rollout]\nmax-in-flight = 2\nmax-per-host = 2\n\n\
             [[rollout.wave]]\nname = \"canary\"\ncount = 1\n\n[[rollout.wave]]\nname = \"fleet\"\n\n[replicas]\nwait = \"none\"\n\n\
             [lint.severity]\nexpand-renames = \"off\"\nexpand-drops = \"off\"\n",
        );
        toml += state;
        for (at, url) in urls.iter().enumerate() {
            toml += &format!("\n[[shard]]\nname = \"s{at}\"\nprimary = \"{url}\"\n");
        }
        fs::write(self.folder.file("greylag.toml"), toml).expect("the project file");
    }

    /// Runs an apply and strikes it. Says whether it was still running when struck.
    pub async fn apply_and(&self, strike: Strike) -> bool {
        let mut child = self.spawn();
        let proxy = self.server.as_ref().map(|(_, proxy)| proxy);
        let (bytes, direction, kill) = match strike {
            Strike::KillAfter(delay) => {
                let ended = tokio::time::timeout(delay, child.wait()).await.is_ok();
                child.kill().await.expect("a kill");
                return !ended;
            }
            Strike::KillAfterBytesToServer(bytes) => (bytes, Direction::ToServer, true),
            Strike::KillAfterBytesToClient(bytes) => (bytes, Direction::ToClient, true),
            Strike::CutAfterBytesToClient(bytes) => (bytes, Direction::ToClient, false),
        };
        let proxy = proxy.expect("only servers have a proxy");
        let sprung = self.sprung.fetch_add(1, Ordering::SeqCst) + 1;
        proxy.cut_after_bytes(bytes, direction);
        tokio::select! {
            () = proxy.wait_trapped(sprung) => {}
            _ = child.wait() => {
                // The run ended before its trap sprang: it must not spring in the next one.
                proxy.cut_after_bytes(u64::MAX, direction);
                if tokio::time::timeout(Duration::ZERO, proxy.wait_trapped(sprung)).await.is_err() {
                    self.sprung.fetch_sub(1, Ordering::SeqCst);
                }
                return false;
            }
        }
        if kill {
            child.kill().await.expect("a kill");
        } else {
            let ended = tokio::time::timeout(Duration::from_secs(60), child.wait()).await;
            let status = ended
                .unwrap_or_else(|_| panic!("cut off after {bytes} bytes, greylag hangs"))
                .expect("its status");
            assert!(
                matches!(status.code(), Some(0 | 1 | 3 | 6)),
                "cut off after {bytes} bytes, greylag ended with {status}"
            );
        }
        true
    }

    /// One more apply must find out what became of everything, and do what is left.
    pub async fn bring_home(&self, seed: u64) {
        let output = self.run(seed).await;
        assert!(
            output.status.success(),
            "seed {seed}: after the strikes, apply ended with {}:\n{}",
            output.status,
            said(&output)
        );
    }

    /// One more apply must find out what became of everything, ask what the first shard's files ask, and stop at its no.
    pub async fn stop_at_the_first(&self, seed: u64) {
        let output = self.run(seed).await;
        let said = said(&output);
        assert!(
            said.contains("s0 failed in V2") && said.contains("its verify query says"),
            "seed {seed}: after the strikes, nobody asked; apply ended with {}:\n{said}",
            output.status
        );
    }

    /// Somebody mends the first shard, and lets what failed be tried again.
    pub async fn mend(&self, sql: &str) {
        match &self.server {
            None => rusqlite::Connection::open(self.folder.file("s0.db"))
                .and_then(|file| file.execute_batch(sql))
                .expect("it runs"),
            Some((server, _)) => {
                let database = &self.databases[0].name;
                server.execute(database, sql).await.expect("it runs");
            }
        }
        let retry = self.greylag(&["rollout", "retry"]).output().await;
        assert!(retry.expect("greylag runs").status.success());
    }

    async fn run(&self, seed: u64) -> std::process::Output {
        let run = self
            .command()
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .output();
        tokio::time::timeout(Duration::from_secs(90), run)
            .await
            .unwrap_or_else(|_| panic!("seed {seed}: the apply after the strikes hangs"))
            .expect("greylag runs")
    }

    /// Of a journal in PostgreSQL: every rollout of the story is in it, and has ended.
    pub async fn check_journal(&self, seed: u64) {
        let (Some(state), Some((server, _))) = (&self.state, &self.server) else {
            return;
        };
        let rows = server
            .rows(
                &state.name,
                "SELECT count(*), count(*) FILTER (WHERE ended IS NULL) FROM greylag_state_rollout",
            )
            .await
            .expect("a journal");
        let number = |at: usize| rows[0][at].1.clone().expect("a number");
        assert_ne!(number(0), "0", "seed {seed}: no rollout in the journal");
        assert_eq!(number(1), "0", "seed {seed}: a rollout was left open");
        let sidecar = self.folder.file(".greylag").join("state.db");
        assert!(!sidecar.exists(), "seed {seed}: another journal");
    }

    /// Each effect once, each migration once in the history, on every shard.
    pub async fn check_effects(&self, seed: u64) {
        let expected: BTreeMap<String, u32> = self
            .steps
            .iter()
            .flat_map(|step| step.effects)
            .map(|effect| ((*effect).to_owned(), 1))
            .collect();
        for at in 0..SHARDS {
            let seen = self
                .count(at, "SELECT step, count(*) FROM effect GROUP BY step")
                .await;
            assert_eq!(seen, expected, "seed {seed}: effects on s{at}");
            let history = self
                .count(
                    at,
                    "SELECT script, count(*) FROM greylag_schema_history GROUP BY script",
                )
                .await;
            let once: BTreeMap<String, u32> = self
                .steps
                .iter()
                .map(|step| (step.file.to_owned(), 1))
                .collect();
            assert_eq!(history, once, "seed {seed}: history of s{at}");
            let open = self
                .count(
                    at,
                    "SELECT migration, 1 FROM greylag_step WHERE state <> 'applied'",
                )
                .await;
            assert!(
                open.is_empty(),
                "seed {seed}: open steps on s{at}: {open:?}"
            );
        }
    }

    async fn count(&self, shard: usize, sql: &str) -> BTreeMap<String, u32> {
        match &self.server {
            None => {
                let file = rusqlite::Connection::open(self.folder.file(&format!("s{shard}.db")))
                    .expect("an SQLite file");
                let mut query = file.prepare(sql).expect("a query");
                let rows = query
                    .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
                    .expect("rows");
                rows.collect::<Result<_, _>>().expect("rows")
            }
            Some((server, _)) => {
                let rows = server
                    .rows(&self.databases[shard].name, sql)
                    .await
                    .expect("rows");
                rows.iter()
                    .map(|row| {
                        let text = |at: usize| row[at].1.clone().unwrap_or_default();
                        (text(0), text(1).parse().expect("a count"))
                    })
                    .collect()
            }
        }
    }

    fn spawn(&self) -> Child {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.file("apply.log"))
            .expect("a log");
        self.command()
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .expect("greylag starts")
    }

    fn command(&self) -> Command {
        self.greylag(&["apply", "--yes", "--take-over"])
    }

    fn greylag(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_greylag"));
        command
            .args(args)
            .arg("--config")
            .arg(self.folder.file("greylag.toml"))
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }
}

fn said(output: &std::process::Output) -> String {
    format!(
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
