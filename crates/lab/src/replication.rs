//! Making a replica follow its primary, and waiting until it does.

use std::time::{Duration, Instant};

use crate::error::{SqlError, StartError};
use crate::launch::patience;
use crate::node::Node;
use crate::process::log_tail;
use crate::recipe::Recipe;
use crate::server::Server;
use crate::sql;

/// Tells a running replica whom to follow, where that isn't in its files.
pub(crate) async fn attach(
    replica: &Node,
    upstream: u16,
    recipe: &dyn Recipe,
) -> Result<(), SqlError> {
    for statement in recipe.replicate_statements(replica, upstream) {
        sql::rows(replica, recipe.home(), &statement).await?;
    }
    Ok(())
}

/// Waits until a replica receives and applies.
pub(crate) async fn wait_streaming(replica: &Node, recipe: &dyn Recipe) -> Result<(), StartError> {
    until(replica, "did not start to stream in time", async || {
        recipe.is_streaming(replica).await
    })
    .await
}

/// Waits until a replica has applied what its primary has written so far.
pub(crate) async fn wait_replayed(
    replica: &Node,
    primary: &Node,
    recipe: &dyn Recipe,
) -> Result<(), StartError> {
    let what = "did not apply its primary's position in time";
    until(replica, what, async || {
        recipe.has_caught_up(replica, primary).await
    })
    .await
}

/// Lets a primary write nothing unless somebody asks it to, and waits until `replica` has what it wrote before.
pub(crate) async fn still(
    primary: &Server,
    replica: &Node,
    recipe: &dyn Recipe,
) -> Result<(), StartError> {
    // A dead one writes nothing.
    let Some(server) = primary.process() else {
        return Ok(());
    };
    let Some(position) = recipe.still(&primary.node, &server).await? else {
        return Ok(());
    };
    let what = "did not apply what its primary wrote before it was stilled in time";
    until(replica, what, async || {
        recipe.has_applied(replica, &position).await
    })
    .await
}

/// Stops receiving on a replica, once it has applied what its primary has written so far.
pub(crate) async fn cut_off(
    replica: &Node,
    primary: &Server,
    recipe: &dyn Recipe,
) -> Result<(), StartError> {
    still(primary, replica, recipe).await?;
    wait_replayed(replica, &primary.node, recipe).await?;
    for statement in recipe.cut_off_statements() {
        sql::rows(replica, recipe.home(), &statement).await?;
    }
    until(replica, "went on receiving", async || {
        recipe.is_cut_off(replica).await
    })
    .await
}

/// Makes a replica a primary, and waits until it accepts writes.
pub(crate) async fn promote(replica: &Node, recipe: &dyn Recipe) -> Result<(), StartError> {
    for statement in recipe.promote_statements() {
        sql::rows(replica, recipe.home(), &statement).await?;
    }
    until(replica, "did not become a primary in time", async || {
        recipe.is_writable(replica).await
    })
    .await
}

/// Asks until the answer is yes. A server that can't be asked at the moment has not said yes.
async fn until(
    node: &Node,
    what: &str,
    ask: impl AsyncFn() -> Result<bool, SqlError>,
) -> Result<(), StartError> {
    let deadline = Instant::now() + patience();
    loop {
        let answer = ask().await;
        if matches!(answer, Ok(true)) {
            return Ok(());
        }
        if Instant::now() > deadline {
            let said = answer
                .err()
                .map(|error| format!(" ({error})"))
                .unwrap_or_default();
            return Err(StartError::Server {
                engine: node.engine,
                version: format!("on port {}", node.port.number),
                what: format!("{what}{said}"),
                log: log_tail(&node.log(), 20),
            });
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
