//! The migrations that are struck: each step leaves one row in `effect`.

/// A file's name and text, and the rows it must leave.
pub struct Step {
    pub file: &'static str,
    pub sql: &'static str,
    pub effects: &'static [&'static str],
}

pub const POSTGRES: &[Step] = &[
    Step {
        file: "V1__effects.sql",
        sql: "CREATE TABLE effect (step text NOT NULL);\nINSERT INTO effect VALUES ('1');\n",
        effects: &["1"],
    },
    Step {
        file: "V2__column.sql",
        sql: "ALTER TABLE effect ADD COLUMN note text;\nSELECT pg_sleep(0.02);\nINSERT INTO effect VALUES ('2');\n",
        effects: &["2"],
    },
    Step {
        file: "V3__index.sql",
        sql: "CREATE INDEX CONCURRENTLY effect_step ON effect (step);\n",
        effects: &[],
    },
    Step {
        file: "V4__unwrapped.sql",
        sql: "-- greylag:transaction off\nINSERT INTO effect VALUES ('4a');\nCREATE TABLE four (id int);\nINSERT INTO effect VALUES ('4b');\n",
        effects: &["4a", "4b"],
    },
    Step {
        file: "V5__own_transaction.sql",
        sql: "BEGIN;\nINSERT INTO effect VALUES ('5a');\nCOMMIT;\nINSERT INTO effect VALUES ('5b');\n",
        effects: &["5a", "5b"],
    },
    Step {
        file: "V6__last.sql",
        sql: "INSERT INTO effect VALUES ('6');\n",
        effects: &["6"],
    },
    Step {
        file: "R__names.sql",
        sql: "CREATE OR REPLACE VIEW names AS SELECT step FROM effect;\nINSERT INTO effect VALUES ('R');\n",
        effects: &["R"],
    },
];

pub const MYSQL: &[Step] = &[
    Step {
        file: "V1__effects.sql",
        sql: "CREATE TABLE effect (step varchar(10) NOT NULL);\nINSERT INTO effect VALUES ('1');\n",
        effects: &["1"],
    },
    Step {
        file: "V2__column.sql",
        sql: "INSERT INTO effect VALUES ('2a');\nALTER TABLE effect ADD COLUMN note varchar(10);\nINSERT INTO effect (step) VALUES ('2b');\n",
        effects: &["2a", "2b"],
    },
    Step {
        file: "V3__index.sql",
        sql: "CREATE INDEX effect_step ON effect (step);\nCREATE TABLE three (id int PRIMARY KEY);\nINSERT INTO effect (step) VALUES ('3');\n",
        effects: &["3"],
    },
    Step {
        file: "V4__rows.sql",
        sql: "INSERT INTO effect (step) VALUES ('4a');\nINSERT INTO effect (step) VALUES ('4b');\n",
        effects: &["4a", "4b"],
    },
    Step {
        file: "V5__rename.sql",
        sql: "RENAME TABLE three TO drei;\nDROP TABLE drei;\nINSERT INTO effect (step) VALUES ('5');\n",
        effects: &["5"],
    },
    Step {
        file: "V6__last.sql",
        sql: "ALTER TABLE effect ADD COLUMN more int, ADD COLUMN less int;\nINSERT INTO effect (step) VALUES ('6');\n",
        effects: &["6"],
    },
    Step {
        file: "R__names.sql",
        sql: "CREATE OR REPLACE VIEW names AS SELECT step FROM effect;\nINSERT INTO effect (step) VALUES ('R');\n",
        effects: &["R"],
    },
];

pub const SQLITE: &[Step] = &[
    Step {
        file: "V1__effects.sql",
        sql: "CREATE TABLE effect (step text NOT NULL);\nINSERT INTO effect VALUES ('1');\n",
        effects: &["1"],
    },
    Step {
        file: "V2__column.sql",
        sql: "ALTER TABLE effect ADD COLUMN note text;\nINSERT INTO effect (step) VALUES ('2');\n",
        effects: &["2"],
    },
    Step {
        file: "V3__unwrapped.sql",
        sql: "-- greylag:transaction off\nINSERT INTO effect (step) VALUES ('3a');\nVACUUM;\nINSERT INTO effect (step) VALUES ('3b');\n",
        effects: &["3a", "3b"],
    },
    Step {
        file: "V4__own_transaction.sql",
        sql: "BEGIN;\nINSERT INTO effect (step) VALUES ('4a');\nCOMMIT;\nINSERT INTO effect (step) VALUES ('4b');\n",
        effects: &["4a", "4b"],
    },
    Step {
        file: "V5__rows.sql",
        sql: "INSERT INTO effect (step) VALUES ('5');\n",
        effects: &["5"],
    },
    Step {
        file: "V6__last.sql",
        sql: "CREATE TABLE six (id integer PRIMARY KEY);\nINSERT INTO effect (step) VALUES ('6');\n",
        effects: &["6"],
    },
    Step {
        file: "R__names.sql",
        sql: "DROP VIEW IF EXISTS names;\nCREATE VIEW names AS SELECT step FROM effect;\nINSERT INTO effect (step) VALUES ('R');\n",
        effects: &["R"],
    },
];

/// On any engine: the second file asks the first shard for what nobody has mended yet.
pub const VERIFIED: &[Step] = &[
    Step {
        file: "V1__effects.sql",
        sql: "CREATE TABLE effect (step varchar(10) NOT NULL);\nCREATE TABLE mended (id int PRIMARY KEY);\n",
        effects: &[],
    },
    Step {
        file: "V2__asks.sql",
        sql: "-- greylag:verify SELECT '${greylag:shard}' <> 's0' OR count(*) = 1 FROM mended\nINSERT INTO effect VALUES ('2');\n",
        effects: &["2"],
    },
    Step {
        file: "V3__last.sql",
        sql: "INSERT INTO effect VALUES ('3');\n",
        effects: &["3"],
    },
];

/// What mends it.
pub const MENDED: &str = "INSERT INTO mended VALUES (1)";
