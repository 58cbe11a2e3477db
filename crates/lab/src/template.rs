//! Data directories ready to be copied: initialised once per engine version and configuration, started once with the final
//! configuration (a standby refuses a primary with larger limits than it remembers), and kept in a cache folder.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};

use crate::account;
use crate::error::StartError;
use crate::installation::Installation;
use crate::launch;
use crate::node::Node;
use crate::port::Port;
use crate::recipe::Recipe;
use crate::root;

/// The template's data directory, made if there is none yet.
pub(crate) async fn prepare(
    recipe: &'static dyn Recipe,
    installation: &Installation,
    settings: &[(String, String)],
) -> Result<PathBuf, StartError> {
    let cache = cache_folder();
    let key = Sha256::digest(recipe.template_key(installation, settings).as_bytes());
    let hash: String = key
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let name = format!(
        "{}-{}-{hash}",
        installation.engine.word(),
        installation.version
    );
    let ready = cache.join(&name);
    if ready.is_dir() {
        return Ok(ready);
    }
    let failed = format!("cannot keep a template in {}", cache.display());
    let _lock = hold(cache.join(format!("{name}.lock")))
        .await
        .map_err(StartError::machine(failed.clone()))?;
    if ready.is_dir() {
        return Ok(ready);
    }
    let node = Node {
        engine: installation.engine,
        dir: root::root()
            .map_err(StartError::machine("cannot make a folder for servers"))?
            .place("t"),
        port: Port::take().map_err(StartError::machine("cannot take a port"))?,
        settings: settings.to_vec(),
    };
    let made = build(recipe, installation, &node).await;
    let kept = made.and_then(|()| {
        let draft = cache.join(format!("{name}.{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&draft);
        keep(&node.data(), &draft, recipe)
            .and_then(|()| std::fs::rename(&draft, &ready))
            .map_err(StartError::machine(failed))
    });
    let _ = std::fs::remove_dir_all(&node.dir);
    kept.map(|()| ready)
}

async fn build(
    recipe: &'static dyn Recipe,
    installation: &Installation,
    node: &Node,
) -> Result<(), StartError> {
    let what = "cannot make a template's folder";
    account::private_folder(&node.dir).map_err(StartError::machine(what))?;
    account::private_folder(&node.data()).map_err(StartError::machine(what))?;
    // PostgreSQL's configuration lies in the data directory, MySQL's initialisation needs it before.
    if installation.engine != crate::Engine::Postgres {
        recipe
            .configure(installation, node, true)
            .map_err(StartError::machine(what))?;
    }
    let mut command = recipe
        .initialise(installation, node)
        .map_err(StartError::machine("cannot initialise a data directory"))?;
    account::run_as_server(&mut command);
    launch::run_to_end(command, installation, node).await?;
    if installation.engine == crate::Engine::Postgres {
        recipe
            .configure(installation, node, true)
            .map_err(StartError::machine(what))?;
    }
    let mut process = launch::launch(recipe, installation, node, &launch::this_process)
        .await
        .map_err(|failed| failed.final_error(node))?;
    for (database, statement) in recipe.first_statements() {
        if let Err(error) = crate::sql::rows(node, database, &statement).await {
            launch::end(recipe, &mut process);
            return Err(error.into());
        }
    }
    launch::stop(recipe, &mut process).await;
    Ok(())
}

/// Copies what belongs in a template. It stays ours: servers only ever see copies of it.
fn keep(from: &Path, to: &Path, recipe: &dyn Recipe) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if !recipe.belongs_in_template(&source) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            keep(&source, &target, recipe)?;
        } else if entry.file_type()?.is_file() {
            std::fs::copy(&source, &target)?;
        }
    }
    Ok(())
}

/// Takes the lock of a template: one process builds it, the others wait for it.
async fn hold(path: PathBuf) -> io::Result<File> {
    tokio::task::spawn_blocking(move || {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)?;
        flock(&file, FlockOperation::LockExclusive)?;
        Ok(file)
    })
    .await
    .map_err(io::Error::other)?
}

/// `GREYLAG_LAB_CACHE`; or `lab-templates` in Cargo's target folder when this program lies in one; or the user's cache.
fn cache_folder() -> PathBuf {
    if let Some(folder) = std::env::var_os("GREYLAG_LAB_CACHE") {
        return folder.into();
    }
    let program = std::env::current_exe().unwrap_or_default();
    if let Some(target) = program
        .ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").is_file())
    {
        return target.join("lab-templates");
    }
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))
        .unwrap_or_else(std::env::temp_dir);
    cache.join("greylag-lab").join("templates")
}
