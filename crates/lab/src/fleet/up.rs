//! Starting a fleet.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use futures::{StreamExt, TryStreamExt, stream};
use rand::Rng;

use super::down::remove;
use super::error::FleetError;
use super::project;
use super::state::{Fleet, FleetNode};
use crate::engine::Engine;
use crate::error::{Missing, SqlError, StartError};
use crate::installation::{Installation, installed, installed_in};
use crate::node::Node;
use crate::process::{ProcessId, ServerProcess};
use crate::raise::{Order, Upstream, raise};
use crate::recipe::{Recipe, recipe};
use crate::{account, replication, root, sql, template};

/// How many shards are brought up at a time.
const AT_ONCE: usize = 4;

/// What fleet is wanted.
#[derive(Debug, Clone)]
pub struct FleetOptions {
    /// Its engine (not SQLite, which has no servers).
    pub engine: Engine,
    /// How many shards.
    pub shards: usize,
    /// How many replicas each has.
    pub replicas: usize,
    /// The folder for the project: `greylag.toml`, `migrations/`, `lab.json`. Made if absent.
    pub dir: PathBuf,
    /// The folder with the server programs; the newest found otherwise.
    pub bin: Option<PathBuf>,
}

/// Starts a fleet and writes its project. `progress` is told, in a few words, of each step that is done.
///
/// On an error nothing is left behind. When interrupted, `lab.json` knows what was started: [`super::down`] takes it down.
pub async fn up(
    options: &FleetOptions,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<Fleet, FleetError> {
    let engine = options.engine;
    if options.shards == 0 {
        return Err(FleetError::NoShards);
    }
    let recipe = recipe(engine).ok_or(Missing { engine })?;
    let installation = match &options.bin {
        Some(bin) => installed_in(engine, bin).ok_or(FleetError::NotThere {
            engine,
            bin: bin.clone(),
        })?,
        None => installed(engine)
            .into_iter()
            .next()
            .ok_or(Missing { engine })?,
    };
    let fleet = prepare_folder(options, &installation)?;
    let (dir, data) = (fleet.dir.clone(), fleet.data.clone());
    let fleet = Mutex::new(fleet);
    let raised = raise_all(options, recipe, &installation, &data, &fleet, progress).await;
    let mut fleet = fleet.into_inner().unwrap_or_else(PoisonError::into_inner);
    let finished = raised.and_then(|()| {
        fleet
            .nodes
            .sort_by(|a, b| (&a.shard, &a.role).cmp(&(&b.shard, &b.role)));
        project::write(&mut fleet, engine).map_err(FleetError::files(format!(
            "cannot write into {}",
            dir.display()
        )))?;
        fleet
            .write()
            .map_err(FleetError::files("cannot write lab.json"))
    });
    if let Err(error) = finished {
        // What went wrong is worth more than what goes wrong while tidying up.
        let _ = remove(&fleet, progress);
        return Err(error);
    }
    Ok(fleet)
}

fn prepare_folder(
    options: &FleetOptions,
    installation: &Installation,
) -> Result<Fleet, FleetError> {
    let failed = || FleetError::files(format!("cannot make {}", options.dir.display()));
    let made_dir = !options.dir.exists();
    std::fs::create_dir_all(&options.dir).map_err(failed())?;
    let dir = options.dir.canonicalize().map_err(failed())?;
    if Fleet::file(&dir).exists() {
        return Err(FleetError::Exists { dir });
    }
    if let Some(file) = project::in_the_way(&dir, options.engine) {
        return Err(FleetError::WouldOverwrite { file });
    }
    let data = root::base().join(format!("greylag-lab-{:08x}", rand::rng().random::<u32>()));
    let word = options.engine.word();
    let fleet = Fleet::new(word, &installation.version, &dir, data, made_dir);
    fleet
        .write()
        .map_err(FleetError::files("cannot write lab.json"))?;
    account::private_folder(&fleet.data)
        .map_err(FleetError::files("cannot make the servers' folder"))?;
    Ok(fleet)
}

/// Brings all shards up, a few at a time.
async fn raise_all(
    options: &FleetOptions,
    recipe: &'static dyn Recipe,
    installation: &Installation,
    data: &Path,
    fleet: &Mutex<Fleet>,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<(), FleetError> {
    let template = template::prepare(recipe, installation, &[])
        .await
        .map_err(|error| FleetError::Template(Box::new(error)))?;
    progress(&format!(
        "{} {} is ready to be copied",
        options.engine, installation.version
    ));
    let width = options.shards.to_string().len().max(2);
    let crew = Crew {
        recipe,
        installation,
        template: &template,
        data,
        fleet,
    };
    stream::iter(1..=options.shards)
        .map(|number| {
            let (crew, shard) = (&crew, format!("shard-{number:0width$}"));
            async move {
                crew.raise_shard(&shard, options.replicas).await?;
                let replicas = match options.replicas {
                    0 => String::new(),
                    1 => ", 1 replica streams".into(),
                    count => format!(", {count} replicas stream"),
                };
                progress(&format!("{shard} is up{replicas}"));
                Ok::<(), FleetError>(())
            }
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

struct Crew<'a> {
    recipe: &'static dyn Recipe,
    installation: &'a Installation,
    template: &'a Path,
    data: &'a Path,
    fleet: &'a Mutex<Fleet>,
}

impl Crew<'_> {
    async fn raise_shard(&self, shard: &str, replicas: usize) -> Result<(), FleetError> {
        let failed = |role: &str| {
            let (shard, role) = (shard.to_owned(), role.to_owned());
            move |source: StartError| FleetError::Start {
                shard,
                role,
                source: Box::new(source),
            }
        };
        let (primary, _process) = self
            .raise_node(shard, "primary", None)
            .await
            .map_err(failed("primary"))?;
        self.fill(&primary)
            .await
            .map_err(|error| failed("primary")(error.into()))?;
        for number in 1..=replicas {
            let role = format!("replica{number}");
            let (replica, _process) = self
                .raise_node(shard, &role, Some(&primary))
                .await
                .map_err(failed(&role))?;
            let follow = async {
                replication::attach(&replica, primary.port.number, self.recipe).await?;
                replication::wait_streaming(&replica, self.recipe).await?;
                replication::wait_replayed(&replica, &primary, self.recipe).await
            };
            follow.await.map_err(failed(&role))?;
        }
        Ok(())
    }

    async fn raise_node(
        &self,
        shard: &str,
        role: &str,
        primary: Option<&Node>,
    ) -> Result<(Node, ServerProcess), StartError> {
        let place = || {
            let short: String = role.chars().filter(char::is_ascii_digit).collect();
            self.data.join(format!(
                "{shard}.{}",
                if short.is_empty() { "p" } else { &short }
            ))
        };
        raise(Order {
            recipe: self.recipe,
            installation: self.installation,
            template: self.template,
            clone: false,
            settings: &[],
            tls: false,
            place: &place,
            upstream: primary.map(|node| Upstream {
                node,
                port: node.port.number,
                name: role,
            }),
            keeper: &|node: &Node, id: Option<&ProcessId>| self.record(shard, role, node, id),
        })
        .await
    }

    fn record(
        &self,
        shard: &str,
        role: &str,
        node: &Node,
        id: Option<&ProcessId>,
    ) -> io::Result<()> {
        let mut fleet = self.fleet.lock().unwrap_or_else(PoisonError::into_inner);
        fleet.nodes.retain(|known| known.folder != node.dir);
        fleet.nodes.push(FleetNode {
            shard: shard.to_owned(),
            role: role.to_owned(),
            port: node.port.number,
            folder: node.dir.clone(),
            process: id.cloned(),
        });
        fleet.write()
    }

    /// The shard's database.
    async fn fill(&self, primary: &Node) -> Result<(), SqlError> {
        for statement in self
            .recipe
            .create_database(self.installation, project::DATABASE)
        {
            sql::rows(primary, self.recipe.home(), &statement).await?;
        }
        Ok(())
    }
}
