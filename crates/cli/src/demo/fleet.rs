//! The demo's project on disk: shards, data, migrations.
//!
//! The data of one shard breaks a rule that a later migration makes, as data does.

use rusqlite::Connection;
use std::{
    fmt::Write,
    fs, io,
    path::{Path, PathBuf},
};

pub const SHARDS: usize = 24;
/// The shard whose data breaks the rule.
pub const ODD_ONE: usize = 17;
/// Enough that a wave can be watched, and that it is over in a few seconds.
const ORDERS: usize = 10_000;

const HOSTS: [&str; 6] = ["rack-1", "rack-2", "rack-3", "rack-4", "rack-5", "rack-6"];
const REGIONS: [&str; 3] = ["eu", "us", "ap"];

/// Where things are.
#[derive(Clone, Debug)]
pub struct Place {
    pub folder: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("{} can't be written", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the demo's data can't be written into {}", path.display())]
    Data {
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
}

impl Place {
    pub fn shard(&self, number: usize) -> PathBuf {
        self.folder
            .join("shards")
            .join(format!("{}.db", name(number)))
    }

    /// The project file, the list of shards, and the first two migrations.
    pub fn scaffold(&self) -> Result<(), DemoError> {
        for folder in ["shards", "migrations"] {
            let path = self.folder.join(folder);
            fs::create_dir_all(&path).map_err(|source| DemoError::Write { path, source })?;
        }
        self.write("greylag.toml", PROJECT)?;
        self.write(".gitignore", "/.greylag/\n/shards/\n")?;
        let mut list = String::from("name,primary,host,region,tier\n");
        for number in 1..=SHARDS {
            let tier = if number == 1 { "canary" } else { "standard" };
            let _ = writeln!(
                list,
                "{0},sqlite:shards/{0}.db?mode=rwc,{1},{2},{tier}",
                name(number),
                HOSTS[number % HOSTS.len()],
                REGIONS[number % REGIONS.len()],
            );
        }
        self.write("shards.csv", &list)?;
        self.write("migrations/V1__create_customers.sql", CUSTOMERS)?;
        self.write("migrations/V2__create_orders.sql", ORDERS_TABLE)
    }

    /// The migrations of the change that is to be carried through.
    pub fn write_change(&self) -> Result<(), DemoError> {
        self.write("migrations/V3__add_order_totals.sql", TOTALS)?;
        self.write("migrations/V4__one_customer_per_email.sql", UNIQUE)
    }

    /// Customers and orders for a shard, as an application would have written them.
    pub fn fill(&self, number: usize) -> Result<(), DemoError> {
        let path = self.shard(number);
        let fill = |path: &Path| -> rusqlite::Result<()> {
            let mut connection = Connection::open(path)?;
            let transaction = connection.transaction()?;
            transaction.execute_batch(&format!(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
                 INSERT INTO customers (id, email, name)
                 SELECT i, 'customer' || i || '@{shard}.example', 'Customer ' || i FROM n;
                 WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ORDERS})
                 INSERT INTO orders (id, customer_id, quantity, price_cents)
                 SELECT i, 1 + i % 500, 1 + i % 4, 100 + i % 9900 FROM n;",
                shard = name(number)
            ))?;
            if number == ODD_ONE {
                transaction.execute(
                    "UPDATE customers SET email = 'customer41@shop-17.example' WHERE id = 42",
                    [],
                )?;
            }
            transaction.commit()
        };
        fill(&path).map_err(|source| DemoError::Data { path, source })
    }

    /// What a person would do about the odd shard.
    pub fn mend(&self) -> Result<(), DemoError> {
        let path = self.shard(ODD_ONE);
        let mend =
            |path: &Path| -> rusqlite::Result<usize> { Connection::open(path)?.execute(MEND, []) };
        match mend(&path) {
            Ok(_) => Ok(()),
            Err(source) => Err(DemoError::Data { path, source }),
        }
    }

    fn write(&self, name: &str, text: &str) -> Result<(), DemoError> {
        let path = self.folder.join(name);
        fs::write(&path, text).map_err(|source| DemoError::Write { path, source })
    }
}

pub fn name(number: usize) -> String {
    format!("shop-{number:02}")
}

/// The statement that mends the odd shard.
pub const MEND: &str = "UPDATE customers SET email = 'customer42@shop-17.example' WHERE id = 42";

const PROJECT: &str = r#"project = "shop"
environment = "demo"

[[discover]]
kind = "file"
path = "shards.csv"                      # columns beyond name, primary and host are labels

[rollout]
max-in-flight = 4
max-per-host = 2

[[rollout.wave]]
name = "canary"
select = "tier=canary"
count = 1
soak = "2s"
[[rollout.wave]]
name = "small batch"
percent = 15
soak = "1s"
[[rollout.wave]]
name = "fleet"
"#;

const CUSTOMERS: &str = "CREATE TABLE customers (
    id    INTEGER PRIMARY KEY,
    email TEXT NOT NULL,
    name  TEXT NOT NULL
);
";

const ORDERS_TABLE: &str = "CREATE TABLE orders (
    id          INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customers (id),
    quantity    INTEGER NOT NULL,
    price_cents INTEGER NOT NULL
);

CREATE INDEX orders_customer ON orders (customer_id);
";

const TOTALS: &str = "-- greylag:change order-totals
-- greylag:allow write-without-batch because a shop has some dozens of orders

ALTER TABLE orders ADD COLUMN total_cents INTEGER;

UPDATE orders SET total_cents = quantity * price_cents;

CREATE INDEX orders_total ON orders (total_cents);
";

const UNIQUE: &str = "-- greylag:change order-totals

CREATE UNIQUE INDEX customers_email ON customers (email);
";
