//! The Greylag project that goes with a fleet: `greylag.toml`, a password file, a few migrations. It knows the format of the
//! project file, and nothing of what reads it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::state::Fleet;
use crate::engine::Engine;
use crate::node::{PASSWORD, USER};
use crate::recipe::recipe;

/// The database of each shard.
pub(crate) const DATABASE: &str = "lab";

const PASSWORD_FILE: &str = "lab.password";

/// Greylag's own folder for its state: that of a fleet that is no more is of no use to the next.
const STATE_FOLDER: &str = ".greylag";

/// How many shards share a host, so that a limit per host has something to limit.
const SHARDS_PER_HOST: usize = 2;

/// Writes the project, and notes each file in the fleet.
pub(crate) fn write(fleet: &mut Fleet, engine: Engine) -> io::Result<()> {
    let mut files = migrations(engine);
    files.insert("greylag.toml".into(), project_file(fleet, engine));
    files.insert(PASSWORD_FILE.into(), format!("{PASSWORD}\n"));
    for (name, text) in files {
        let path = fleet.dir.join(&name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&path, &text)?;
        if name == PASSWORD_FILE {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        }
        fleet.files.insert(name, digest(text.as_bytes()));
    }
    Ok(())
}

/// The first file that `write` would overwrite.
pub(crate) fn in_the_way(dir: &Path, engine: Engine) -> Option<PathBuf> {
    migrations(engine)
        .into_keys()
        .chain(["greylag.toml".to_owned(), PASSWORD_FILE.to_owned()])
        .map(|name| dir.join(name))
        .find(|path| path.exists())
}

/// Removes what `write` wrote and nobody changed since, Greylag's state, and `lab.json`; returns what was left.
pub(crate) fn remove(fleet: &Fleet) -> io::Result<Vec<PathBuf>> {
    let mut kept = Vec::new();
    for (name, written) in &fleet.files {
        let path = fleet.dir.join(name);
        match std::fs::read(&path) {
            Ok(text) if digest(&text) == *written => std::fs::remove_file(&path)?,
            Ok(_) => kept.push(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    match std::fs::remove_dir_all(fleet.dir.join(STATE_FOLDER)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // Last, so that an interrupted `down` can be done again.
    std::fs::remove_file(Fleet::file(&fleet.dir))?;
    // Only if empty.
    let migrations = fleet.dir.join("migrations");
    if std::fs::remove_dir(&migrations).is_err() && migrations.exists() && kept.is_empty() {
        kept.push(migrations);
    }
    if fleet.made_dir {
        let _ = std::fs::remove_dir(&fleet.dir);
    }
    Ok(kept)
}

fn project_file(fleet: &Fleet, engine: Engine) -> String {
    let mut text = String::from(
        "# Written by `greylag lab up`. `greylag lab down` removes it, unless you have changed it.\n\
         project = \"lab\"\n\
         environment = \"lab\"\n\
         migrations = \"migrations\"\n\n\
         [state]\n\
         url = \"sqlite:.greylag/state.db\"\n\n\
         [rollout]\n\
         max-in-flight = 4\n\
         max-per-host = 1\n\n\
         [[rollout.wave]]\n\
         name = \"canary\"\n\
         select = \"tier=canary\"\n\
         [[rollout.wave]]\n\
         name = \"small batch\"\n\
         percent = 30\n\
         [[rollout.wave]]\n\
         name = \"fleet\"\n\n\
         [replicas]\n\
         wait = \"all\"\n\
         max-lag = \"5s\"\n",
    );
    let scheme = recipe(engine).map_or("sqlite", |recipe| recipe.scheme());
    let url = |port: u16| format!("\"{scheme}://{USER}@127.0.0.1:{port}/{DATABASE}\"");
    let primaries = fleet.nodes.iter().filter(|node| node.role == "primary");
    for (number, primary) in primaries.enumerate() {
        let replicas: Vec<String> = fleet
            .nodes
            .iter()
            .filter(|node| node.shard == primary.shard && node.role != "primary")
            .map(|node| format!("{{ name = \"{}\", url = {} }}", node.role, url(node.port)))
            .collect();
        let tier = if number == 0 { "canary" } else { "standard" };
        let region = if number % 2 == 0 { "north" } else { "south" };
        let _ = write!(
            text,
            "\n[[shard]]\nname = \"{}\"\nprimary = {}\nreplicas = [{}]\npassword = {{ file = \"{PASSWORD_FILE}\" }}\n\
             host = \"rack-{}\"\nlabels = {{ region = \"{region}\", tier = \"{tier}\" }}\n",
            primary.shard,
            url(primary.port),
            replicas.join(", "),
            number / SHARDS_PER_HOST + 1,
        );
    }
    text
}

/// A few migrations, one of which can't share a transaction where the engine has such.
fn migrations(engine: Engine) -> BTreeMap<String, String> {
    let (id, index) = match engine {
        Engine::Postgres => (
            "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
            "CREATE INDEX CONCURRENTLY orders_customer ON orders (customer_id);\n",
        ),
        _ => (
            "bigint NOT NULL AUTO_INCREMENT PRIMARY KEY",
            "CREATE INDEX orders_customer ON orders (customer_id) ALGORITHM=INPLACE LOCK=NONE;\n",
        ),
    };
    let customers = format!(
        "CREATE TABLE customers (\n    id {id},\n    name varchar(200) NOT NULL,\n    email varchar(200) NOT NULL\n);\n\n\
         INSERT INTO customers (name, email) VALUES\n    ('Ada', 'ada@example.org'),\n    ('Grace', 'grace@example.org');\n"
    );
    let orders = format!(
        "CREATE TABLE orders (\n    id {id},\n    customer_id bigint NOT NULL REFERENCES customers (id),\n    \
         total decimal(12, 2) NOT NULL\n);\n\n\
         INSERT INTO orders (customer_id, total) VALUES (1, 12.50), (2, 99.00);\n"
    );
    let view = "CREATE OR REPLACE VIEW order_summary AS\n    SELECT customer_id, count(*) AS orders, sum(total) AS total\n      \
                FROM orders\n     GROUP BY customer_id;\n";
    [
        ("V1__create_customers.sql", customers),
        ("V2__create_orders.sql", orders),
        ("V3__index_orders_by_customer.sql", index.to_owned()),
        ("R__order_summary.sql", view.to_owned()),
    ]
    .into_iter()
    .map(|(name, text)| (format!("migrations/{name}"), text))
    .collect()
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}
