//! How much each operation writes into PostgreSQL's log, against the class that is said.

use greylag_core::{
    engine::{Dialect, Engine},
    script::split,
};
use greylag_lab::{Options, Server};
use greylag_lint::{
    ServerVersion,
    effects::{self, Effect, Wal},
};

use super::{fixture, servers, tracer::tracer};

/// So that the table, one index and a few catalog rows are of different orders.
const GROW: &str = "ALTER TABLE t DISABLE TRIGGER ALL;\
    INSERT INTO ref SELECT n FROM generate_series(1001, 20000) n;\
    INSERT INTO t SELECT n, n, n, 'v' || n, repeat('x', 40), 1 FROM generate_series(1001, 20000) n;\
    INSERT INTO g SELECT n FROM generate_series(1001, 20000) n;\
    INSERT INTO wide SELECT 'w' || n, 'e' || n, 'p' || n FROM generate_series(1001, 20000) n;\
    INSERT INTO kept_off SELECT n FROM generate_series(1001, 20000) n;\
    ALTER TABLE t ENABLE TRIGGER ALL; VACUUM ANALYZE";

/// Catalog rows, commits, and what the server writes by itself.
const FEW: u64 = 120_000;

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_into_the_log_is_of_the_order_that_is_said() {
    // A log is of the whole server: nobody else is to write into it, and what it began with is to be there at the end.
    let options = Options::default().set("wal_keep_size", "1TB");
    let mut wrong = Vec::new();
    for server in servers::own(greylag_lab::Engine::Postgres, options).await {
        wrong.extend(compare(&server).await);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn compare(server: &Server) -> Vec<String> {
    let version: ServerVersion = server.installation().version.parse().unwrap();
    let template = fixture::database(server).await;
    for sql in GROW.split(';') {
        server.execute(&template, sql).await.unwrap();
    }
    let mut wrong = Vec::new();
    let mut compared = 0;
    for effect in effects::all(Dialect::Postgres) {
        if !effect.is_known_to(version) {
            continue;
        }
        // Several statements of one operation: the heaviest is what it may come to.
        let mut heaviest: Option<Logged> = None;
        for (number, sql) in effect.statements().enumerate() {
            let database = format!("log_{}_{number}", effect.id.replace('-', "_"));
            let copy = format!("CREATE DATABASE {database} TEMPLATE {template}");
            server.execute("postgres", &copy).await.unwrap();
            let logged = measure(server, &database, effect, sql).await;
            let gone = format!("DROP DATABASE {database} WITH (FORCE)");
            server.execute("postgres", &gone).await.unwrap();
            if heaviest
                .as_ref()
                .is_none_or(|other| other.bytes < logged.bytes)
            {
                heaviest = Some(logged);
            }
        }
        let logged = heaviest.unwrap();
        compared += 1;
        let (least, most) = logged.range(effect.wal);
        if logged.bytes < least || logged.bytes > most {
            let id = &effect.id;
            let said = effect.wal;
            wrong.push(format!(
                "{version} {id}: said {said:?}, which is {least} to {most} bytes; {logged:?}"
            ));
        }
    }
    assert!(compared > 60, "{compared}");
    wrong
}

#[derive(Debug)]
struct Logged {
    bytes: u64,
    /// Of what it is about, once it is done.
    table: u64,
    indexes: u64,
    /// How many indexes that is.
    count: u64,
}

impl Logged {
    /// Bytes of the class, three times less or more.
    fn range(&self, said: Wal) -> (u64, u64) {
        let around = |bytes: u64| (bytes / 3, bytes * 3);
        match said {
            Wal::Small => (0, FEW),
            Wal::Index => around(self.indexes / self.count.max(1)),
            Wal::Indexes => around(self.indexes),
            Wal::Table => around(self.table + self.indexes),
            Wal::Rows => (self.table / 2, self.table * 5),
        }
    }
}

async fn measure(server: &Server, database: &str, effect: &Effect, sql: &str) -> Logged {
    let mut tracer = tracer(Engine::Postgres, server, database).await;
    let script = split(Dialect::Postgres, sql).unwrap();
    let traced = tracer
        .trace(&script, !effect.outside_transaction)
        .await
        .unwrap();
    tracer.close().await;
    assert!(traced.refused.is_none(), "{sql}: {:?}", traced.refused);
    let words = sql.split([' ', '(', ')']);
    let known = ["t", "wide", "g", "mv", "kept_off"];
    let about = words
        .into_iter()
        .find(|word| known.contains(word))
        .unwrap_or("t");
    let sizes = format!(
        "SELECT coalesce(pg_table_size(c.oid), 0) || ' ' || coalesce(pg_indexes_size(c.oid), 0) || ' ' \
         || (SELECT count(*) FROM pg_index i WHERE i.indrelid = c.oid) \
         FROM (SELECT to_regclass('{about}')::oid AS oid) c"
    );
    let sizes = server
        .value(database, &sizes)
        .await
        .unwrap()
        .unwrap_or_default();
    let mut sizes = sizes.split(' ').map(|size| size.parse().unwrap_or(0));
    let mut next = || sizes.next().unwrap_or(0);
    Logged {
        bytes: traced.statements[0].log_bytes,
        table: next(),
        indexes: next(),
        count: next(),
    }
}
