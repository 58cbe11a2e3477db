-- Statements as strangers write them. Each case runs on an in-memory SQLite that has what is given; what its schema has then is
-- what the lint understood.
-- given
CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, email TEXT UNIQUE);
CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users (id) ON DELETE CASCADE, total NUMERIC DEFAULT 0, note);
CREATE INDEX orders_user ON orders (user_id);
CREATE VIEW rich AS SELECT * FROM users;
CREATE TRIGGER touch AFTER UPDATE ON users BEGIN UPDATE orders SET note = 'x' WHERE user_id = NEW.id; END;
-- case a bracketed name
CREATE TABLE [odd name] ([a b] INTEGER, "c""d" TEXT, `e` BLOB);
-- case backticks and dots
CREATE TABLE main."a.b" (x);
-- case without types
CREATE TABLE bare (a, b, c PRIMARY KEY, UNIQUE (a, b)) WITHOUT ROWID;
-- case strict
CREATE TABLE strict (id INTEGER PRIMARY KEY, v ANY) STRICT;
-- case constraints without commas
CREATE TABLE crowd (a INT CONSTRAINT x NOT NULL CONSTRAINT y CHECK (a > 0), b INT, UNIQUE (a) CHECK (b < a) FOREIGN KEY (b) REFERENCES users (id));
-- case types of many words
CREATE TABLE wordy (a UNSIGNED BIG INT, b VARYING CHARACTER(255), c DOUBLE PRECISION, d DECIMAL(10,5), e NATIVE CHARACTER(70) NOT NULL ON CONFLICT REPLACE);
-- case a generated column
CREATE TABLE made (a INT, b INT AS (a * 2) VIRTUAL, c INT GENERATED ALWAYS AS (a + 1) STORED);
-- case a default in parentheses
CREATE TABLE dated (at TEXT DEFAULT (datetime('now')), n INT DEFAULT -5, t TEXT DEFAULT 'it''s', b BLOB DEFAULT x'00', x REAL DEFAULT +1.5);
-- case as select
CREATE TABLE copy AS SELECT id, name FROM users WHERE id > 0;
-- case if not exists
CREATE TABLE IF NOT EXISTS users (id INTEGER);
-- case temporary
CREATE TEMP TABLE scratch (a);
-- case a deferred key
CREATE TABLE late (u INT REFERENCES users DEFERRABLE INITIALLY DEFERRED, o INT REFERENCES orders (id) MATCH FULL ON UPDATE SET NULL);
-- case an index by an expression
CREATE INDEX users_lower ON users (lower(name) COLLATE NOCASE DESC, email);
-- case a partial unique index
CREATE UNIQUE INDEX IF NOT EXISTS main.one_note ON orders (note) WHERE note IS NOT NULL;
-- case drop an index
DROP INDEX IF EXISTS main.orders_user;
-- case add a column
ALTER TABLE orders ADD paid BOOLEAN NOT NULL DEFAULT 0;
-- case add a column with the word
ALTER TABLE main.orders ADD COLUMN "by" TEXT REFERENCES users (email);
-- case rename a column
ALTER TABLE orders RENAME note TO remark;
-- case rename a column with the word
ALTER TABLE orders RENAME COLUMN "total" TO [sum];
-- case rename a table
ALTER TABLE users RENAME TO people;
-- case drop a column
ALTER TABLE orders DROP total;
-- case drop a table
DROP TABLE IF EXISTS orders;
-- case drop a view
DROP VIEW rich;
-- case drop a trigger
DROP TRIGGER touch;
-- case a trigger with many statements
CREATE TRIGGER IF NOT EXISTS many INSTEAD OF INSERT ON rich FOR EACH ROW WHEN NEW.id > 0 BEGIN INSERT INTO users (name) VALUES (NEW.name); SELECT CASE WHEN 1 THEN 2 END; DELETE FROM orders; END;
-- case a temporary view
CREATE TEMPORARY VIEW small AS WITH x AS (SELECT 1) SELECT * FROM x;
-- case a virtual table
CREATE VIRTUAL TABLE found USING fts5(title, body, tokenize = 'porter ascii');
-- case writes change no schema
INSERT OR REPLACE INTO users (id, name) VALUES (1, 'a;b') ON CONFLICT DO NOTHING;
-- case a write with a with
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) INSERT INTO users (name) SELECT i FROM n;
-- case an update from
UPDATE OR IGNORE orders SET total = u.id FROM users AS u WHERE u.id = orders.user_id;
-- case delete everything
DELETE FROM orders;
-- case replace
REPLACE INTO users (id, name) VALUES (2, 'b');
-- case pragmas
PRAGMA main.user_version = 5; PRAGMA foreign_keys(ON); PRAGMA table_info(users);
-- case analyze and reindex
ANALYZE users; REINDEX orders_user; ANALYZE;
-- case explain
EXPLAIN QUERY PLAN SELECT * FROM users;
-- case savepoints
SAVEPOINT a; CREATE TABLE kept (x); RELEASE a;
-- case the rebuild by the book
DROP TRIGGER touch;
CREATE TABLE new_orders (id INTEGER PRIMARY KEY, user_id INTEGER, total INTEGER NOT NULL DEFAULT 0);
INSERT INTO new_orders SELECT id, user_id, total FROM orders;
DROP TABLE orders;
ALTER TABLE new_orders RENAME TO orders;
CREATE INDEX orders_user ON orders (user_id);
-- case comments everywhere
CREATE/* a */TABLE--b
/* ; */ t /* ) */ (a /* , */ INT -- )
);
-- case a quoted type and a conflict clause
CREATE TABLE quoted (a "VARCHAR(5)", b 'text' UNIQUE ON CONFLICT IGNORE, PRIMARY KEY (a DESC) ON CONFLICT FAIL);
-- case insert nothing
INSERT INTO users DEFAULT VALUES;
-- case add a generated column
ALTER TABLE orders ADD COLUMN twice INT AS (total * 2);
-- case drop by the full name
DROP TABLE main.users;
