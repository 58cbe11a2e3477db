//! MySQL and MariaDB on real servers: what each line of the engines' traps comes to.

/// Runs a test on both servers.
macro_rules! on_both {
    ($(#[$meta:meta])* $name:ident($stage:ident, $kind:ident) $body:block) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;
            use greylag_core::engine::Engine;

            async fn play(engine: Engine) {
                let Some($stage) = crate::stage::Stage::$kind(engine).await else {
                    return;
                };
                $body
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_mysql() {
                play(Engine::Mysql).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_mariadb() {
                play(Engine::Mariadb).await;
            }
        }
    };
}

mod applying;
mod corpora;
mod handing;
mod idling;
mod locking;
mod losing;
mod online;
mod opening;
mod settling;
mod stage;
mod strangers;
mod unmarked;
mod watching;
