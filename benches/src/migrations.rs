//! The ten migrations that everybody applies: six tables with foreign keys, six indexes, six columns, a view, seeded rows.

/// One migration: its description, and its statements.
pub struct File {
    pub version: u32,
    pub name: &'static str,
    pub sql: String,
}

/// For PostgreSQL (`postgres`) or SQLite.
pub fn files(postgres: bool) -> Vec<File> {
    let id = if postgres {
        "bigint generated always as identity primary key"
    } else {
        "integer primary key"
    };
    let json = if postgres { "jsonb" } else { "text" };
    let gin = if postgres {
        "CREATE INDEX items_detail ON items USING gin (detail);"
    } else {
        "CREATE INDEX items_detail ON items (detail);"
    };
    let bodies = [
        ("accounts", format!("CREATE TABLE accounts (id {id}, email text NOT NULL, name text);\nCREATE UNIQUE INDEX accounts_email ON accounts (lower(email));")),
        ("orders", format!("CREATE TABLE orders (id {id}, account_id bigint NOT NULL REFERENCES accounts (id), state text NOT NULL, total numeric(12,2));\nCREATE INDEX orders_account ON orders (account_id);")),
        ("items", format!("CREATE TABLE items (id {id}, order_id bigint NOT NULL REFERENCES orders (id), sku text NOT NULL, detail {json});\n{gin}")),
        ("open orders", "CREATE INDEX orders_open ON orders (id) WHERE state = 'open';\nALTER TABLE orders ADD COLUMN note text;".into()),
        ("payments", format!("CREATE TABLE payments (id {id}, order_id bigint NOT NULL REFERENCES orders (id), cents bigint NOT NULL);\nCREATE INDEX payments_order ON payments (order_id);")),
        ("countries", "CREATE TABLE countries (code text PRIMARY KEY, name text NOT NULL);\nINSERT INTO countries VALUES ('DE', 'Germany'), ('FR', 'France'), ('IS', 'Iceland'), ('NO', 'Norway');".into()),
        ("account country", "ALTER TABLE accounts ADD COLUMN country text;\nALTER TABLE accounts ADD COLUMN phone text;".into()),
        ("shipments", format!("CREATE TABLE shipments (id {id}, order_id bigint NOT NULL REFERENCES orders (id), carrier text);\nCREATE INDEX shipments_order ON shipments (order_id);")),
        ("item weight", "ALTER TABLE items ADD COLUMN weight integer;\nALTER TABLE items ADD COLUMN colour text;".into()),
        ("order totals", "ALTER TABLE orders ADD COLUMN total_cents bigint;\nCREATE VIEW order_totals AS SELECT o.id, o.total_cents, count(i.id) AS items FROM orders o LEFT JOIN items i ON i.order_id = o.id GROUP BY o.id, o.total_cents;".into()),
    ];
    bodies
        .into_iter()
        .zip(1..)
        .map(|((name, sql), version)| File {
            version,
            name,
            sql: sql + "\n",
        })
        .collect()
}

impl File {
    pub fn file_name(&self) -> String {
        format!("V{}__{}.sql", self.version, self.name.replace(' ', "_"))
    }

    /// The INSERT that a floor writes beside the migration.
    pub fn history_row(&self) -> String {
        format!(
            "INSERT INTO greylag_schema_history (installed_rank, version, description, type, script, checksum, installed_by, execution_time, success) \
             VALUES ({0}, '{0}', '{1}', 'SQL', '{2}', {0}, 'floor', 1, true);",
            self.version,
            self.name,
            self.file_name()
        )
    }
}

/// The history table as a floor creates it.
pub const HISTORY_TABLE: &str = "CREATE TABLE IF NOT EXISTS greylag_schema_history (installed_rank integer NOT NULL PRIMARY KEY, \
    version varchar(50), description varchar(200) NOT NULL, type varchar(20) NOT NULL, script varchar(1000) NOT NULL, checksum integer, \
    installed_by varchar(100) NOT NULL, installed_on timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, execution_time integer NOT NULL, \
    success boolean NOT NULL); CREATE INDEX IF NOT EXISTS greylag_schema_history_s_idx ON greylag_schema_history (success);";
