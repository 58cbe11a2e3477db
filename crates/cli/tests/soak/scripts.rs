//! The migrations of a life. Each leaves rows in `effect`; a row in `trap` makes it fail on a shard.

use greylag_lab::Engine;
use rand::{Rng, rngs::StdRng};

/// A migration file as it was written first, and what an edit may make of it.
#[derive(Clone, Debug)]
pub struct Script {
    pub version: u32,
    pub file: String,
    before: String,
    behind: String,
    trap: bool,
    edits: u32,
    forgiving: bool,
    engine: Engine,
    pub effects: Vec<String>,
}

impl Script {
    pub fn first(engine: Engine) -> Script {
        let mut script = Script::empty(engine, 1);
        script.before = "CREATE TABLE effect (step varchar(20) NOT NULL);\nCREATE TABLE trap (version int PRIMARY KEY);\n".into();
        script.behind = script.effect("");
        script
    }

    /// One of the shapes that files have in real life.
    pub fn random(engine: Engine, version: u32, dice: &mut StdRng) -> Script {
        let mut script = Script::empty(engine, version);
        let table = format!("t{version}");
        script.trap = true;
        match dice.random_range(0..6) {
            0 => {
                script.before = script.effect("a");
                script.behind = script.effect("b");
            }
            1 => {
                script.before = format!("CREATE TABLE {table} (id int);\n") + &script.effect("a");
                script.behind =
                    format!("ALTER TABLE {table} ADD COLUMN more int;\n") + &script.effect("b");
            }
            2 => {
                script.before = script.effect("a") + script.pause();
                script.behind = script.pause().to_owned()
                    + &script.effect("b")
                    + &format!("CREATE TABLE {table} (id int);\n");
            }
            3 if engine == Engine::Postgres => {
                script.trap = false;
                script.before =
                    format!("CREATE INDEX CONCURRENTLY effect_{version} ON effect (step);\n");
            }
            3 | 4 if !script.commits_ddl() => {
                script.before = "BEGIN;\n".to_owned() + &script.effect("a") + "COMMIT;\n";
                script.behind = script.effect("b");
            }
            5 if !script.commits_ddl() => {
                script.before = "-- greylag:transaction off\n".to_owned()
                    + &script.effect("a")
                    + &format!("CREATE TABLE {table} (id int);\n");
                script.behind = script.effect("b") + &format!("DROP TABLE {table};\n");
            }
            _ => {
                script.before = script.effect("a")
                    + &format!("CREATE TABLE {table} (id int PRIMARY KEY);\n")
                    + &script.effect("b");
                script.behind =
                    format!("RENAME TABLE {table} TO u{version};\nDROP TABLE u{version};\n")
                        + &script.effect("c");
                if !script.commits_ddl() {
                    script.behind = format!("ALTER TABLE {table} RENAME TO u{version};\n")
                        + &script.effect("c");
                }
            }
        }
        script
    }

    fn empty(engine: Engine, version: u32) -> Script {
        Script {
            version,
            file: format!("V{version}__step.sql"),
            before: String::new(),
            behind: String::new(),
            trap: false,
            edits: 0,
            forgiving: false,
            engine,
            effects: Vec::new(),
        }
    }

    /// The file's text now.
    pub fn text(&self) -> String {
        let version = self.version;
        let trap = match (self.trap, self.forgiving, self.commits_ddl()) {
            (false, ..) => String::new(),
            (true, false, _) => format!("INSERT INTO trap VALUES ({version});\n"),
            (true, true, true) => format!("INSERT IGNORE INTO trap VALUES ({version});\n"),
            (true, true, false) => {
                format!("INSERT INTO trap VALUES ({version}) ON CONFLICT DO NOTHING;\n")
            }
        };
        let edits: String = (0..self.edits)
            .map(|at| format!("-- edited {at}\n"))
            .collect();
        format!("{}{trap}{}{edits}", self.before, self.behind)
    }

    /// Makes the file pass where it failed. Its effects stay the same.
    pub fn edit(&mut self) {
        self.forgiving = true;
        self.edits += 1;
    }

    /// How many statements stand before the one that fails on a trap.
    pub fn statements_before(&self) -> usize {
        self.before.matches(";\n").count()
    }

    pub fn is_edited(&self) -> bool {
        self.edits > 0
    }

    pub fn can_be_trapped(&self) -> bool {
        self.trap && !self.forgiving
    }

    fn effect(&mut self, part: &str) -> String {
        let step = format!("{}{part}", self.version);
        let sql = format!("INSERT INTO effect (step) VALUES ('{step}');\n");
        self.effects.push(step);
        sql
    }

    /// Long enough to be struck in.
    fn pause(&self) -> &'static str {
        match self.engine {
            Engine::Postgres => "SELECT pg_sleep(0.1);\n",
            Engine::MySql | Engine::MariaDb => "DO SLEEP(0.1);\n",
            Engine::Sqlite => {
                "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) SELECT max(i) FROM n;\n"
            }
        }
    }

    fn commits_ddl(&self) -> bool {
        matches!(self.engine, Engine::MySql | Engine::MariaDb)
    }
}

/// A repeatable, which leaves a row that names its revision.
pub fn repeatable(revision: u32) -> (&'static str, String) {
    let text =
        format!("-- revision {revision}\nINSERT INTO effect (step) VALUES ('R{revision}');\n");
    ("R__names.sql", text)
}
