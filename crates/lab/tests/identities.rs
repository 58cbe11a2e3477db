//! What servers say of themselves: no two are the same, but for clones.

use greylag_lab::{Cluster, Engine, Options, Server};

async fn identity(server: &Server) -> String {
    let (home, question) = match server.engine() {
        Engine::Postgres => (
            "postgres",
            "SELECT system_identifier FROM pg_control_system()",
        ),
        Engine::MySql => ("mysql", "SELECT @@server_uuid"),
        // It has no other.
        _ => ("mysql", "SELECT @@server_id"),
    };
    server.value(home, question).await.unwrap().unwrap()
}

#[tokio::test]
async fn two_servers_have_two_identities() {
    for engine in Engine::SERVERS {
        if !greylag_lab::available(engine) {
            continue;
        }
        let one = Server::start(engine, Options::default()).await.unwrap();
        let two = Server::start(engine, Options::default()).await.unwrap();
        assert_ne!(identity(&one).await, identity(&two).await, "{engine}");
    }
}

#[tokio::test]
async fn a_postgres_replica_has_its_primarys_identity_also_after_a_crash() {
    for installation in greylag_lab::installed(Engine::Postgres) {
        let options = Options::default().on(installation);
        let cluster = Cluster::start_with(Engine::Postgres, 1, options)
            .await
            .unwrap();
        let before = identity(cluster.primary()).await;
        assert_eq!(before, identity(cluster.replica(0)).await);
        cluster
            .primary()
            .execute("postgres", "CREATE TABLE seen (id int)")
            .await
            .unwrap();
        cluster.primary().kill();
        cluster.primary().restart().await.unwrap();
        assert_eq!(before, identity(cluster.primary()).await);
        cluster.wait_replayed().await.unwrap();
        assert!(
            cluster
                .replica(0)
                .value("postgres", "SELECT count(*) FROM seen")
                .await
                .is_ok()
        );
    }
}

#[tokio::test]
async fn a_copy_has_the_data_and_the_identity_of_its_original_and_a_life_of_its_own() {
    for engine in [Engine::Postgres, Engine::MySql, Engine::MariaDb] {
        if !greylag_lab::available(engine) {
            continue;
        }
        let original = Server::start(engine, Options::default()).await.unwrap();
        let name = original.database("t").await.unwrap().name;
        original
            .execute(&name, "CREATE TABLE seen (id int)")
            .await
            .unwrap();
        let copy = original.copy().await.unwrap();
        copy.execute(&name, "INSERT INTO seen VALUES (1)")
            .await
            .unwrap();
        let count = "SELECT count(*) FROM seen";
        assert_eq!(
            copy.value(&name, count).await.unwrap().as_deref(),
            Some("1")
        );
        assert_eq!(
            original.value(&name, count).await.unwrap().as_deref(),
            Some("0")
        );
        assert_ne!(copy.port(), original.port());
        if engine != Engine::MariaDb {
            assert_eq!(identity(&copy).await, identity(&original).await, "{engine}");
        }
    }
}
