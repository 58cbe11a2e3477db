//! A loop around sqlx's migrator: eight shards at a time.

use futures::{StreamExt, stream};
use sqlx::{Connection, PgConnection, migrate::Migrator};
use std::{env, fs, path::PathBuf};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut args = env::args_os().skip(1).map(PathBuf::from);
    let migrator = Migrator::new(args.next().expect("a folder of migrations")).await.expect("migrations");
    let list = fs::read_to_string(args.next().expect("a list of shards")).expect("a list of shards");
    let migrator = &migrator;
    stream::iter(list.lines())
        .for_each_concurrent(8, |url| async move {
            let mut connection = PgConnection::connect(url).await.expect("a connection");
            migrator.run_direct(&mut connection).await.expect("a migration");
        })
        .await;
}
