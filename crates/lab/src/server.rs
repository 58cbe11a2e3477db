//! A running server of a test's own, that can be hurt.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rand::Rng;

use crate::database::TestDatabase;
use crate::engine::Engine;
use crate::error::{Missing, SqlError, StartError};
use crate::installation::{Installation, installed};
use crate::launch;
use crate::node::{Node, PASSWORD, USER};
use crate::options::Options;
use crate::process::{ProcessId, ServerProcess, log_tail};
use crate::raise::{Order, Upstream, raise};
use crate::recipe::{Recipe, recipe};
use crate::{root, sql, template, tls};

/// A server on 127.0.0.1, of this process. It ends, and its data goes, when it is dropped or the process ends.
pub struct Server {
    pub(crate) recipe: &'static dyn Recipe,
    pub(crate) node: Node,
    pub(crate) installation: Installation,
    process: Mutex<Option<ServerProcess>>,
}

impl Server {
    /// Starts a server with an empty set of databases.
    pub async fn start(engine: Engine, options: Options) -> Result<Server, StartError> {
        Server::start_as(engine, options, None).await
    }

    /// Starts a server, as a replica if an upstream is given.
    pub(crate) async fn start_as(
        engine: Engine,
        options: Options,
        upstream: Option<Upstream<'_>>,
    ) -> Result<Server, StartError> {
        let recipe = recipe(engine).ok_or(Missing { engine })?;
        let installation = match options.installation {
            Some(installation) => installation,
            None => installed(engine)
                .into_iter()
                .next()
                .ok_or(Missing { engine })?,
        };
        let template = template::prepare(recipe, &installation, &options.settings).await?;
        let mut settings = options.settings;
        if options.tls {
            settings.extend(tls::settings(engine));
        }
        let root = root::root().map_err(StartError::machine("cannot make a folder for servers"))?;
        let (node, process) = raise(Order {
            recipe,
            installation: &installation,
            template: &template,
            clone: false,
            settings: &settings,
            tls: options.tls,
            place: &|| root.place(&engine.word()[..1]),
            upstream,
            keeper: &launch::this_process,
        })
        .await?;
        Ok(Server {
            recipe,
            node,
            installation,
            process: Mutex::new(Some(process)),
        })
    }

    /// Its engine.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.node.engine
    }

    /// The programs it runs from; its version is in there.
    #[must_use]
    pub fn installation(&self) -> &Installation {
        &self.installation
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.node.port.number
    }

    /// The folder with its socket, its log and its data.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.node.dir
    }

    /// The certificate of the authority that signed its own, if it offers TLS.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        tls::folder(&self.node.dir).join("ca.crt")
    }

    /// The file it logs to.
    #[must_use]
    pub fn log_file(&self) -> PathBuf {
        self.node.log()
    }

    /// Its process, while it runs.
    #[must_use]
    pub fn process(&self) -> Option<ProcessId> {
        self.lock().as_ref().map(|process| process.id.clone())
    }

    /// A URL of `database` for the ordinary account `greylag`, password included.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        self.url_through(self.port(), USER, database)
    }

    /// A URL of `database` for the administrator, password included.
    #[must_use]
    pub fn superuser_url(&self, database: &str) -> String {
        self.url_through(self.port(), self.engine().superuser(), database)
    }

    /// A URL of `database` for `user` (`greylag`, `greylag_plain` or the administrator) at another port of 127.0.0.1, such
    /// as a proxy's.
    #[must_use]
    pub fn url_through(&self, port: u16, user: &str, database: &str) -> String {
        let scheme = self.recipe.scheme();
        format!("{scheme}://{user}:{PASSWORD}@127.0.0.1:{port}/{database}")
    }

    /// Makes a fresh database that belongs to the ordinary account. It is never dropped: it goes with the server.
    pub async fn database(&self, prefix: &str) -> Result<TestDatabase, SqlError> {
        let name = format!("{prefix}_{:08x}", rand::rng().random::<u32>());
        for statement in self.recipe.create_database(&self.installation, &name) {
            self.rows(self.recipe.home(), &statement).await?;
        }
        Ok(TestDatabase {
            url: self.url(&name),
            admin_url: self.superuser_url(&name),
            name,
        })
    }

    /// Runs `sql` as the administrator and returns its rows as text. (On PostgreSQL it may be several statements.)
    pub async fn rows(&self, database: &str, sql: &str) -> Result<Vec<sql::Row>, SqlError> {
        sql::rows(&self.node, database, sql).await
    }

    /// Runs `sql` as the administrator.
    pub async fn execute(&self, database: &str, sql: &str) -> Result<(), SqlError> {
        self.rows(database, sql).await.map(drop)
    }

    /// Runs `sql` as the administrator and returns the first value of its first row.
    pub async fn value(&self, database: &str, sql: &str) -> Result<Option<String>, SqlError> {
        let rows = self.rows(database, sql).await?;
        Ok(rows
            .into_iter()
            .next()
            .and_then(|row| row.into_iter().next()?.1))
    }

    /// Ends it at once, as a crash would (SIGKILL, its children too), and waits until it is gone. Its data stays.
    pub fn kill(&self) {
        if let Some(mut process) = self.lock().take() {
            process.kill();
        }
    }

    /// Stops it in order, without waiting for clients. Its data stays.
    pub async fn stop_fast(&self) {
        let process = self.lock().take();
        if let Some(mut process) = process {
            launch::stop(self.recipe, &mut process).await;
        }
    }

    /// Starts it again on the same port and data; stops it first if it runs.
    pub async fn restart(&self) -> Result<(), StartError> {
        self.stop_fast().await;
        let process = launch::launch(
            self.recipe,
            &self.installation,
            &self.node,
            &launch::this_process,
        )
        .await
        .map_err(|failed| failed.final_error(&self.node))?;
        *self.lock() = Some(process);
        Ok(())
    }

    /// Starts a second server on a copy of all of its data, as a restored backup or a cloned disk is: another port, the same
    /// identity. Stops this one for the moment of copying.
    pub async fn copy(&self) -> Result<Server, StartError> {
        self.stop_fast().await;
        let root = root::root().map_err(StartError::machine("cannot make a folder for servers"))?;
        let (node, process) = raise(Order {
            recipe: self.recipe,
            installation: &self.installation,
            template: &self.node.data(),
            clone: true,
            settings: &self.node.settings,
            tls: self.ca_file().exists(),
            place: &|| root.place(&self.engine().word()[..1]),
            upstream: None,
            keeper: &launch::this_process,
        })
        .await?;
        self.restart().await?;
        Ok(Server {
            recipe: self.recipe,
            node,
            installation: self.installation.clone(),
            process: Mutex::new(Some(process)),
        })
    }

    /// Freezes it, children too (SIGSTOP): connections are taken by the kernel and never answered.
    pub fn pause(&self) {
        if let Some(process) = self.lock().as_ref() {
            process.pause();
        }
    }

    /// Thaws it (SIGCONT).
    pub fn cont(&self) {
        if let Some(process) = self.lock().as_ref() {
            process.resume();
        }
    }

    /// The last `lines` lines of its log.
    #[must_use]
    pub fn log_tail(&self, lines: usize) -> String {
        log_tail(&self.node.log(), lines)
    }

    fn lock(&self) -> MutexGuard<'_, Option<ServerProcess>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut process) = self.lock().take() {
            launch::end(self.recipe, &mut process);
        }
        // Only now: a server whose files go while it still shuts down may hang for good.
        let _ = std::fs::remove_dir_all(&self.node.dir);
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("engine", &self.engine())
            .field("version", &self.installation.version)
            .field("port", &self.port())
            .field("folder", &self.folder())
            .finish_non_exhaustive()
    }
}
