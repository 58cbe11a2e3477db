//! A server from a template: copied, configured, started; on another port when the first is taken.

use std::io;
use std::path::{Path, PathBuf};

use crate::account;
use crate::error::StartError;
use crate::installation::Installation;
use crate::launch::{self, Keeper, Launch};
use crate::node::Node;
use crate::port::Port;
use crate::process::ServerProcess;
use crate::recipe::Recipe;
use crate::tls;

/// What is wanted.
pub(crate) struct Order<'a> {
    pub(crate) recipe: &'static dyn Recipe,
    pub(crate) installation: &'a Installation,
    pub(crate) template: &'a Path,
    /// Whether the template is another server's data, and its identity is to stay.
    pub(crate) clone: bool,
    pub(crate) settings: &'a [(String, String)],
    pub(crate) tls: bool,
    /// Where it is to live; asked again for each try.
    pub(crate) place: &'a (dyn Fn() -> PathBuf + Sync),
    /// Whose replica it is.
    pub(crate) upstream: Option<Upstream<'a>>,
    pub(crate) keeper: Keeper<'a>,
}

/// Whom a replica gets changes from.
#[derive(Clone, Copy)]
pub(crate) struct Upstream<'a> {
    pub(crate) node: &'a Node,
    /// Where it is reached: its own port, or a proxy's.
    pub(crate) port: u16,
    /// The replica's name there.
    pub(crate) name: &'a str,
}

/// Starts it.
pub(crate) async fn raise(order: Order<'_>) -> Result<(Node, ServerProcess), StartError> {
    loop {
        let node = Node {
            engine: order.installation.engine,
            dir: (order.place)(),
            port: Port::take().map_err(StartError::machine("cannot take a port"))?,
            settings: order.settings.to_vec(),
        };
        let failed = match raise_in(&order, &node).await {
            Ok(process) => return Ok((node, process)),
            Err(failed) => failed,
        };
        let _ = std::fs::remove_dir_all(&node.dir);
        match failed {
            Launch::PortTaken => {}
            Launch::Failed(error) => return Err(error),
        }
    }
}

async fn raise_in(order: &Order<'_>, node: &Node) -> Result<ServerProcess, Launch> {
    let (from, dir, data, tls) = (
        order.template.to_owned(),
        node.dir.clone(),
        node.data(),
        order.tls,
    );
    let what = |what: &str| {
        let what = format!("{what} in {}", node.dir.display());
        move |error| Launch::Failed(StartError::machine(what)(error))
    };
    tokio::task::spawn_blocking(move || {
        account::private_folder(&dir)?;
        account::copy_folder(&from, &data)?;
        if tls {
            tls::write_certificates(&dir)
        } else {
            Ok(())
        }
    })
    .await
    .map_err(io::Error::other)
    .and_then(|copied| copied)
    .map_err(what("cannot lay out a server"))?;
    order
        .recipe
        .configure(order.installation, node, false)
        .map_err(what("cannot write a server's configuration"))?;
    if !order.clone {
        order
            .recipe
            .identify(node, order.upstream.map(|upstream| upstream.node))
            .map_err(what("cannot give a server its identity"))?;
    }
    if let Some(upstream) = order.upstream {
        order
            .recipe
            .prepare_replica(node, upstream.port, upstream.name)
            .map_err(what("cannot prepare a replica"))?;
    }
    launch::launch(order.recipe, order.installation, node, order.keeper).await
}
