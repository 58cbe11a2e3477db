//! A primary with replicas, and those who look at them.

use crate::stage::{Stage, lab_engine};
use greylag_core::{
    engine::Engine,
    node::{NodeSighting, Replay, ReplayState, Upstream},
    position::{Distance, Position},
};
use greylag_engines::{Observer, Target};
use greylag_lab::{Cluster, Options, Server};
use std::{sync::Arc, time::Duration};

/// Runs a test on both servers.
macro_rules! on_both_clusters {
    ($name:ident($scene:ident, $replicas:literal) $body:block) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;
            use greylag_core::engine::Engine;

            async fn play(engine: Engine) {
                let Some($scene) = crate::watching::scene::Scene::start(engine, $replicas).await
                else {
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
pub(crate) use on_both_clusters;

pub struct Scene {
    pub cluster: Cluster,
    pub engine: Engine,
    pub database: String,
}

/// Somebody who looks at one node.
pub struct Watch(pub Box<dyn Observer>);

impl Scene {
    pub async fn start(engine: Engine, replicas: usize) -> Option<Scene> {
        Scene::start_with(engine, replicas, Options::default()).await
    }

    pub async fn start_with(engine: Engine, replicas: usize, options: Options) -> Option<Scene> {
        if !greylag_lab::available(lab_engine(engine)) {
            return None;
        }
        let cluster = Cluster::start_with(lab_engine(engine), replicas, options)
            .await
            .unwrap();
        let database = cluster.database("watch").await.unwrap().name;
        let scene = Scene {
            cluster,
            engine,
            database,
        };
        scene
            .write("CREATE TABLE t (id int PRIMARY KEY, n int)")
            .await;
        scene.cluster.wait_replayed().await.unwrap();
        Some(scene)
    }

    pub fn is_mysql(&self) -> bool {
        self.engine == Engine::Mysql
    }

    /// On the primary.
    pub async fn write(&self, sql: &str) {
        let primary = self.cluster.primary();
        primary.execute(&self.database, sql).await.unwrap();
    }

    /// On a replica, as its administrator.
    pub async fn on_replica(&self, number: usize, sql: &str) {
        let replica = self.cluster.replica(number);
        replica.execute(&self.database, sql).await.unwrap();
    }

    /// Replication's own words, which differ: MySQL's, MariaDB's.
    pub async fn tell_replica(&self, number: usize, mysql: &str, mariadb: &str) {
        let sql = if self.is_mysql() { mysql } else { mariadb };
        self.on_replica(number, sql).await;
    }

    pub fn target(&self, server: &Server, user: &str) -> Target {
        self.target_at(server.port(), server, user)
    }

    pub fn target_at(&self, port: u16, server: &Server, user: &str) -> Target {
        Target {
            engine: self.engine,
            shard: "eu-1".parse().unwrap(),
            url: server
                .url_through(port, user, &self.database)
                .parse()
                .unwrap(),
            password: None,
            schema: None,
            session_sql: Arc::from([]),
            project: "orders".into(),
            history_table: "greylag_schema_history".into(),
            connect_timeout: greylag_lab::patience(),
            application: "greylag/watch".into(),
        }
    }

    pub async fn watch(&self, server: &Server) -> Watch {
        watch(&self.target(server, "greylag")).await
    }

    pub async fn watch_primary(&self) -> Watch {
        self.watch(self.cluster.primary()).await
    }

    pub async fn watch_replica(&self, number: usize) -> Watch {
        self.watch(self.cluster.replica(number)).await
    }

    /// A session of Greylag's on the primary, and jobs for it.
    pub async fn stage(&self) -> Stage {
        let server = Server::start(lab_engine(self.engine), Options::default());
        let stage = Stage::holding(Arc::new(server.await.unwrap()), self.engine).await;
        let url = self.cluster.primary().url(&self.database);
        Stage {
            database: greylag_lab::TestDatabase {
                url,
                ..stage.database
            },
            ..stage
        }
    }
}

pub async fn watch(target: &Target) -> Watch {
    let observer = greylag_engines::observe(target).await;
    Watch(observer.unwrap_or_else(|e| panic!("{e}: {e:?}")).unwrap())
}

impl Watch {
    pub async fn look(&mut self) -> NodeSighting {
        self.0
            .observe()
            .await
            .unwrap_or_else(|e| panic!("{e}: {e:?}"))
    }

    /// Looks until it sees what is wanted.
    pub async fn until(
        &mut self,
        what: &str,
        wanted: impl Fn(&NodeSighting) -> bool,
    ) -> NodeSighting {
        let deadline = std::time::Instant::now() + greylag_lab::patience();
        loop {
            let seen = self.look().await;
            if wanted(&seen) {
                return seen;
            }
            assert!(
                std::time::Instant::now() < deadline,
                "never saw {what}: {seen:#?}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

pub fn replay(seen: &NodeSighting) -> &Replay {
    seen.replay.as_ref().unwrap_or_else(|| panic!("{seen:#?}"))
}

pub fn upstream(seen: &NodeSighting) -> &Upstream {
    seen.upstream
        .as_ref()
        .unwrap_or_else(|| panic!("{seen:#?}"))
}

pub fn place(seen: &NodeSighting) -> &Position {
    seen.position
        .as_ref()
        .unwrap_or_else(|| panic!("{seen:#?}"))
}

pub fn is_running(seen: &NodeSighting) -> bool {
    replay(seen).state == ReplayState::Running
}

/// Nothing that came in waits, and things come in.
pub fn is_level(seen: &NodeSighting) -> bool {
    replay(seen).lag == Some(Duration::ZERO) && upstream(seen).connected
}

/// How far the first is behind the second.
pub fn behind(replica: &NodeSighting, primary: &NodeSighting) -> Option<Distance> {
    place(replica).behind(place(primary))
}
