-- Migrations as strangers write them. Each case runs on a real server, on a copy of what is given, in one transaction; the
-- locks that it then holds, and the tables that it wrote anew, are what the lint says. `[15]`: not before that version.
-- given
CREATE SCHEMA sales;
CREATE SCHEMA "My.Schema";
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN plain_int AS int;
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE FUNCTION fixed() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE TABLE users (id bigint PRIMARY KEY, name text, mood mood, age int);
CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint CONSTRAINT orders_user REFERENCES users (id), total int, code varchar(20), note text, made timestamp);
CREATE TABLE items (id bigint PRIMARY KEY, order_id bigint REFERENCES orders (id) ON DELETE CASCADE, n int);
CREATE INDEX items_n ON items (n);
CREATE UNIQUE INDEX items_order ON items (order_id, n);
CREATE TABLE sales.orders (id bigint PRIMARY KEY, total numeric(10, 2));
CREATE TABLE "My.Schema"."Odd ""Table"".x" (id bigint PRIMARY KEY, "Value" int);
CREATE TABLE "Users" (id bigint PRIMARY KEY, name varchar(10));
CREATE TABLE animals (id bigint NOT NULL, name text);
CREATE TABLE dogs (breed text) INHERITS (animals);
CREATE TABLE puppies (age int) INHERITS (dogs);
CREATE TABLE events (id bigint NOT NULL, at date NOT NULL, kind text) PARTITION BY RANGE (at);
CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01') PARTITION BY LIST (kind);
CREATE TABLE events_2025_a PARTITION OF events_2025 FOR VALUES IN ('a');
CREATE TABLE logs (id bigint NOT NULL, at date NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE logs_2024 PARTITION OF logs FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE logs_rest PARTITION OF logs DEFAULT;
CREATE TABLE loose (id bigint NOT NULL, at date NOT NULL);
CREATE VIEW rich AS SELECT name FROM users;
CREATE MATERIALIZED VIEW totals AS SELECT user_id, count(*) AS n FROM orders GROUP BY user_id;
CREATE UNIQUE INDEX totals_user ON totals (user_id);
CREATE TRIGGER items_touch BEFORE UPDATE ON items FOR EACH ROW EXECUTE FUNCTION touch();
CREATE SEQUENCE numbers;
CREATE TABLE counted (id serial PRIMARY KEY, v text);
-- case nested comments hide nothing
/* one /* two; DROP TABLE users; */ still */ ALTER TABLE -- really
  ONLY /* ; */ orders ADD COLUMN a int;
-- case a quoted schema with a dot, and a name with quotes
ALTER TABLE "My.Schema"."Odd ""Table"".x" ADD COLUMN b int;
-- case a name with capitals is another table
ALTER TABLE "Users" ALTER COLUMN name TYPE varchar(20);
-- case folded names are one
ALTER TABLE USERS ADD COLUMN "b" int;
-- case a schema that is written
ALTER TABLE sales.orders ALTER COLUMN total TYPE numeric(12, 2);
-- case public is the schema of names without one
ALTER TABLE public.orders ALTER COLUMN total TYPE bigint;
-- case if exists on nothing
ALTER TABLE IF EXISTS nowhere ADD COLUMN a int;
-- case several clauses at once
ALTER TABLE orders ADD COLUMN a int, ALTER COLUMN total SET NOT NULL, DROP COLUMN note, ADD CONSTRAINT t CHECK (total > 0) NOT VALID;
-- case a weaker clause beside a stronger one
ALTER TABLE orders SET (fillfactor = 80), ALTER COLUMN total SET STATISTICS 10;
-- case a domain with a check
ALTER TABLE orders ADD COLUMN p positive DEFAULT 1;
-- case a domain without one
ALTER TABLE orders ADD COLUMN p plain_int DEFAULT 1;
-- case a stored column
ALTER TABLE orders ADD COLUMN twice int GENERATED ALWAYS AS (total * 2) STORED;
-- case a function of one's own that never changes
ALTER TABLE orders ADD COLUMN f int DEFAULT fixed();
-- case a cast of a constant
ALTER TABLE orders ADD COLUMN f jsonb NOT NULL DEFAULT '{}'::jsonb;
-- case a sign before a number, an array, an interval
ALTER TABLE orders ADD COLUMN f int DEFAULT -1, ADD COLUMN g text[] DEFAULT ARRAY['a', 'b']::text[], ADD COLUMN h interval DEFAULT interval '1 day', ADD COLUMN i timestamptz DEFAULT (now() + interval '1 day');
-- case the next of a sequence
ALTER TABLE orders ADD COLUMN n bigint DEFAULT nextval('numbers');
-- case a new column that references
ALTER TABLE items ADD COLUMN user_id bigint REFERENCES users;
-- case a new column that is unique and checked
ALTER TABLE items ADD COLUMN tag text UNIQUE, ADD COLUMN q int CHECK (q > 0);
-- case a new column of an enum
ALTER TABLE orders ADD COLUMN mood mood NOT NULL DEFAULT 'ok';
-- case varchar to text
ALTER TABLE orders ALTER COLUMN code TYPE text;
-- case varchar to text with using
ALTER TABLE orders ALTER COLUMN code TYPE text USING code::text;
-- case varchar shorter
ALTER TABLE orders ALTER COLUMN code TYPE varchar(10);
-- case the same type
ALTER TABLE orders ALTER COLUMN total TYPE integer;
-- case text to varchar without a length
ALTER TABLE orders ALTER COLUMN note TYPE character varying;
-- case text to citext's like: a collation
ALTER TABLE orders ALTER COLUMN note TYPE text COLLATE "C";
-- case enum to text
ALTER TABLE users ALTER COLUMN mood TYPE text;
-- case type of a column that others reference
ALTER TABLE users ALTER COLUMN id TYPE numeric;
-- case type of a column that references others
DROP MATERIALIZED VIEW totals;
ALTER TABLE orders ALTER COLUMN user_id TYPE integer;
-- case inheritance goes down
ALTER TABLE animals ADD COLUMN legs int;
-- case only does not
ALTER TABLE ONLY animals ALTER COLUMN name SET DEFAULT 'rex';
-- case a default goes down
ALTER TABLE animals ALTER COLUMN name SET DEFAULT 'rex';
-- case a check goes down
ALTER TABLE animals ADD CONSTRAINT named CHECK (name <> '');
-- case a partitioned table's column goes down
ALTER TABLE events ADD COLUMN note text;
-- case a partitioned table's type goes down
ALTER TABLE events ALTER COLUMN id TYPE numeric;
-- case set not null on a partitioned table
ALTER TABLE events ALTER COLUMN kind SET NOT NULL;
-- case an index on a partitioned table
CREATE INDEX events_id ON events (id);
-- case an index on only the partitioned table
CREATE INDEX events_id ON ONLY events (id);
-- case a primary key on a partitioned table
ALTER TABLE events ADD PRIMARY KEY (id, at, kind);
-- case a foreign key of a partitioned table
ALTER TABLE events ADD FOREIGN KEY (id) REFERENCES users (id);
-- case a new partition
CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
-- case a new partition beside a default one
CREATE TABLE logs_2025 PARTITION OF logs FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
-- case attach beside a default one
ALTER TABLE logs ATTACH PARTITION loose FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
-- case detach beside a default one
ALTER TABLE logs DETACH PARTITION logs_2024;
-- case drop a partition
DROP TABLE events_2024;
-- case drop a partitioned table
DROP TABLE events;
-- case truncate a partitioned table
TRUNCATE events;
-- case a trigger on a partitioned table
CREATE TRIGGER tr AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION touch();
-- case a table that inherits
CREATE TABLE cats (claws int) INHERITS (animals);
-- case drop a child
DROP TABLE puppies;
-- case no inherit
ALTER TABLE puppies NO INHERIT dogs;
-- case truncate what others reference
TRUNCATE orders CASCADE;
-- case drop what others reference
DROP TABLE users CASCADE;
-- case drop a table that references
DROP TABLE items;
-- case drop several tables
DROP TABLE items, sales.orders;
-- case drop a foreign key
ALTER TABLE orders DROP CONSTRAINT orders_user;
-- case drop a foreign key that the server named
ALTER TABLE items DROP CONSTRAINT items_order_id_fkey;
-- case drop a primary key that others reference
ALTER TABLE users DROP CONSTRAINT users_pkey CASCADE;
-- case drop a column that references
DROP MATERIALIZED VIEW totals;
ALTER TABLE orders DROP COLUMN user_id;
-- case drop a column that others reference
ALTER TABLE users DROP COLUMN id CASCADE;
-- case drop a column that is in an index
ALTER TABLE items DROP COLUMN n;
-- case a foreign key to itself
ALTER TABLE users ADD COLUMN boss bigint, ADD CONSTRAINT boss FOREIGN KEY (boss) REFERENCES users (id) NOT VALID;
-- case not valid and validate
ALTER TABLE items ADD CONSTRAINT u FOREIGN KEY (n) REFERENCES users (id) NOT VALID;
ALTER TABLE items VALIDATE CONSTRAINT u;
-- case a unique index becomes a constraint
ALTER TABLE items ADD CONSTRAINT items_order_key UNIQUE USING INDEX items_order;
-- case a table like another
CREATE TABLE copy (LIKE orders INCLUDING ALL);
-- case a table from a query
CREATE TABLE copy AS SELECT * FROM orders;
-- case a table that references two
CREATE TABLE new (id bigint PRIMARY KEY, o bigint REFERENCES orders, u bigint, FOREIGN KEY (u) REFERENCES users (id));
-- case a temporary table
CREATE TEMP TABLE scratch (id int);
ALTER TABLE scratch ADD COLUMN v text;
-- case a view
CREATE VIEW big AS SELECT * FROM orders WHERE total > 100;
-- case a view anew
CREATE OR REPLACE VIEW rich AS SELECT name, age FROM users;
-- case drop a view
DROP VIEW rich;
-- case a materialized view
CREATE MATERIALIZED VIEW more AS SELECT * FROM orders;
-- case refresh a materialized view
REFRESH MATERIALIZED VIEW totals;
-- case refresh it concurrently
REFRESH MATERIALIZED VIEW CONCURRENTLY totals;
-- case drop a materialized view
DROP MATERIALIZED VIEW totals;
-- case an index on a materialized view
CREATE INDEX totals_n ON totals (n);
-- case rename a materialized view
ALTER MATERIALIZED VIEW totals RENAME TO sums;
-- case alter table on a view
ALTER TABLE rich RENAME TO richer;
-- case a comment
COMMENT ON TABLE orders IS 'x'; COMMENT ON COLUMN users.name IS 'y';
-- case a grant
GRANT SELECT ON orders TO PUBLIC;
-- case statistics
CREATE STATISTICS s ON total, code FROM orders;
-- case rename an index
ALTER INDEX items_n RENAME TO items_by_n;
-- case an index's parameters
ALTER INDEX items_n SET (fillfactor = 70);
-- case rename a table through ALTER INDEX' kin: a sequence
ALTER SEQUENCE numbers RESTART WITH 10;
-- case an owned sequence
ALTER SEQUENCE numbers OWNED BY orders.id;
-- case a security label's kin: row security and a policy
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON orders USING (true);
-- case alter a policy
CREATE POLICY mine ON items USING (true);
ALTER POLICY mine ON items USING (false);
-- case a rule
CREATE RULE no_delete AS ON DELETE TO users DO INSTEAD NOTHING;
-- case a trigger
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON items DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION touch();
-- case rename a trigger
ALTER TRIGGER items_touch ON items RENAME TO items_touched;
-- case drop a trigger
DROP TRIGGER IF EXISTS items_touch ON items;
-- case a function with DDL in its body only makes a function
CREATE FUNCTION migrate() RETURNS void LANGUAGE plpgsql AS $f$ BEGIN EXECUTE 'DROP TABLE users'; ALTER TABLE orders ADD COLUMN zzz int; END $f$;
-- case an enum's label
ALTER TYPE mood RENAME VALUE 'sad' TO 'blue';
-- case a domain's check looks at its tables
ALTER TABLE orders ADD COLUMN d plain_int;
ALTER DOMAIN plain_int ADD CONSTRAINT small CHECK (VALUE < 100000);
-- case a write
UPDATE orders SET total = 1 FROM users WHERE users.id = orders.user_id;
-- case a delete that cascades
DELETE FROM orders WHERE id = 1;
-- case an insert
INSERT INTO orders (id, user_id) SELECT id, id FROM users;
-- case [15] a merge
MERGE INTO orders USING users ON users.id = orders.user_id WHEN MATCHED THEN UPDATE SET total = 2;
-- case a write in a with
WITH gone AS (DELETE FROM items RETURNING *) INSERT INTO counted (v) SELECT 'x' FROM gone;
-- case select for update
SELECT * FROM orders FOR UPDATE;
-- case lock table
LOCK TABLE orders, users IN SHARE MODE;
-- case lock only
LOCK ONLY orders IN ROW EXCLUSIVE MODE NOWAIT;
-- case reindex
REINDEX TABLE items;
-- case reindex an index
REINDEX (VERBOSE) INDEX items_n;
-- case cluster
CLUSTER items USING items_n;
-- case analyze
ANALYZE orders;
-- case a publication
CREATE PUBLICATION pub FOR TABLE orders, users;
-- case identity
ALTER TABLE orders ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY;
-- case drop an index
DROP INDEX items_n;
-- case drop an index of two tables
DROP INDEX IF EXISTS items_n, totals_user;
-- case set schema
ALTER TABLE items SET SCHEMA sales;
-- case rename and use the new name
ALTER TABLE items RENAME TO things;
ALTER TABLE things ADD COLUMN z int;
-- case all in one table space is nothing
ALTER TABLE ALL IN TABLESPACE pg_default SET TABLESPACE pg_default;
-- case drop a type in use
DROP TYPE mood CASCADE;
-- case drop a function in use
DROP FUNCTION touch() CASCADE;
-- case drop a schema
DROP SCHEMA sales CASCADE;
-- case drop a sequence in use
DROP SEQUENCE counted_id_seq CASCADE;
-- case a partitioned table loses a column
ALTER TABLE events DROP COLUMN id;
-- case a partitioned table's constraint is dropped
ALTER TABLE events ADD CONSTRAINT positive CHECK (id > 0) NOT VALID;
ALTER TABLE events DROP CONSTRAINT positive;
-- case validate on a partitioned table
ALTER TABLE events ADD CONSTRAINT positive CHECK (id > 0) NOT VALID;
ALTER TABLE events VALIDATE CONSTRAINT positive;
-- case rename a column of a partitioned table
ALTER TABLE events RENAME COLUMN kind TO sort;
-- case rename a partitioned table
ALTER TABLE events RENAME TO happenings;
-- case move a partitioned table
ALTER TABLE events SET SCHEMA sales;
-- case storage of a partitioned table's column
ALTER TABLE events ALTER COLUMN kind SET STORAGE EXTERNAL;
-- case drop an index of a partitioned table
CREATE INDEX events_id ON events (id);
DROP INDEX events_id;
-- case row security of a partitioned table
ALTER TABLE events ENABLE ROW LEVEL SECURITY;
-- case owner of a partitioned table
ALTER TABLE events OWNER TO CURRENT_USER;
-- case a foreign key to a partitioned table
CREATE TABLE kinds (k text PRIMARY KEY) PARTITION BY LIST (k);
CREATE TABLE kinds_a PARTITION OF kinds FOR VALUES IN ('a');
ALTER TABLE users ADD CONSTRAINT k FOREIGN KEY (name) REFERENCES kinds (k);
-- case write to a partitioned table
DELETE FROM events WHERE id = 1;
-- case write to a table that others inherit from
UPDATE animals SET name = 'x';
-- case truncate only
TRUNCATE ONLY animals;
-- case disable triggers of a partitioned table
ALTER TABLE events DISABLE TRIGGER ALL;
-- case reindex a table with heirs
REINDEX TABLE animals;
-- case rename several columns' constraint
ALTER TABLE orders RENAME CONSTRAINT orders_user TO orders_owner;
-- case a delete within a query
WITH gone AS (DELETE FROM items RETURNING *) SELECT count(*) FROM gone;
-- case an update with a subquery
UPDATE ONLY orders SET total = (SELECT count(*) FROM items) WHERE id IN (SELECT id FROM users);
-- case drop a table and what it references at once
DROP TABLE items, orders CASCADE;
-- case alter index attach
CREATE INDEX events_id ON ONLY events (id);
CREATE INDEX events_2024_id ON events_2024 (id);
ALTER INDEX events_id ATTACH PARTITION events_2024_id;
-- case a column named like a keyword
ALTER TABLE orders ADD "check" int, ADD COLUMN "references" text, ADD column "constraint" boolean DEFAULT true;
-- case alter without the word column
ALTER TABLE orders ALTER total DROP DEFAULT, ALTER note SET DATA TYPE varchar;
-- case a view's default
ALTER VIEW rich ALTER COLUMN name SET DEFAULT 'x';
-- case alter a foreign key
ALTER TABLE orders ALTER CONSTRAINT orders_user DEFERRABLE INITIALLY DEFERRED;
-- case comments between all words
ALTER/**/TABLE/* a */orders--b
/* c */ALTER/**/COLUMN total/**/SET/**/NOT/**/NULL;
-- case a collation of a column that is unique
CREATE UNIQUE INDEX users_name ON users (name);
DROP VIEW rich;
ALTER TABLE users ALTER COLUMN name TYPE text COLLATE "C";
-- case a domain's default that differs from row to row
CREATE DOMAIN did AS uuid DEFAULT gen_random_uuid();
ALTER TABLE orders ADD COLUMN g did;
-- case a domain over one with a check
CREATE DOMAIN outer_positive AS positive;
ALTER TABLE orders ADD COLUMN g outer_positive;
-- case an array of a domain with a check
ALTER TABLE orders ADD COLUMN g positive[] DEFAULT '{}';
-- case a function of one's own that has a usual name
CREATE FUNCTION sales.now() RETURNS timestamptz LANGUAGE sql VOLATILE AS 'SELECT clock_timestamp()';
ALTER TABLE orders ADD COLUMN g timestamptz DEFAULT sales.now();
-- case a function of the server's, with its schema
ALTER TABLE orders ADD COLUMN g timestamptz DEFAULT pg_catalog.now();
-- case a longer varchar in an expression of an index
CREATE UNIQUE INDEX orders_code ON orders (lower(code));
ALTER TABLE orders ALTER COLUMN code TYPE varchar(100);
-- case an index on only the parent
CREATE INDEX events_id ON ONLY events (id);
-- case [15] a merge that deletes
MERGE INTO orders USING users ON users.id = orders.user_id WHEN MATCHED THEN DELETE;
-- case explain that runs
EXPLAIN (ANALYZE) DELETE FROM items WHERE id = 1;
-- case [18]a check that is not enforced
ALTER TABLE orders ADD CONSTRAINT lax CHECK (total > 0) NOT ENFORCED;
-- case [18]a foreign key that is not enforced
ALTER TABLE items ADD CONSTRAINT lax FOREIGN KEY (n) REFERENCES users (id) NOT ENFORCED;
-- case [18]a column with a check and a reference that are not enforced
ALTER TABLE orders ADD COLUMN c bigint CHECK (c > 0) NOT ENFORCED REFERENCES items (id) NOT ENFORCED;
-- case [18]a foreign key is enforced no more
ALTER TABLE orders ALTER CONSTRAINT orders_user NOT ENFORCED;
-- case [18]a foreign key is enforced again
ALTER TABLE orders ADD CONSTRAINT lax FOREIGN KEY (total) REFERENCES items (id) NOT ENFORCED;
ALTER TABLE orders ALTER CONSTRAINT lax ENFORCED;
-- case [18]an unenforced check proves nothing
ALTER TABLE orders ADD CONSTRAINT lax CHECK (total IS NOT NULL) NOT ENFORCED;
ALTER TABLE orders ALTER COLUMN total SET NOT NULL;
