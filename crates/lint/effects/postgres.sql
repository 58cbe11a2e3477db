-- What the operations of postgres.toml are measured on. Roles: t is the target, ref what it references, part the parent
-- of part_1 (attached) and part_2 (not).
CREATE SCHEMA other;
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TABLE old_parent ();
CREATE TABLE ref (id bigint PRIMARY KEY);
CREATE TABLE t (
    id bigint PRIMARY KEY,
    a int,
    k bigint NOT NULL,
    v varchar(50),
    x text,
    n numeric(10, 2),
    CONSTRAINT t_a_positive CHECK (a > 0),
    CONSTRAINT t_a_known CHECK (a IS NOT NULL)
) INHERITS (old_parent);
CREATE INDEX t_v ON t (v);
CREATE UNIQUE INDEX t_k_unique ON t (k);
CREATE TRIGGER t_touch BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION touch();
INSERT INTO ref SELECT g FROM generate_series(1, 1000) g;
INSERT INTO t SELECT g, g, g, 'v' || g, 'x', 1 FROM generate_series(1, 1000) g;
ALTER TABLE t ADD CONSTRAINT t_unproven CHECK (id > 0) NOT VALID;
ALTER TABLE t ADD CONSTRAINT t_unproven_fk FOREIGN KEY (id) REFERENCES ref (id) NOT VALID;
CREATE TABLE bare (id bigint NOT NULL);
CREATE TABLE holder (id bigint REFERENCES ref (id));
CREATE TABLE part (id int NOT NULL) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (100);
CREATE TABLE part_2 (id int NOT NULL);
CREATE MATERIALIZED VIEW mv AS SELECT id FROM t;
CREATE UNIQUE INDEX mv_id ON mv (id);
CREATE VIEW v AS SELECT id, k AS w FROM t;
CREATE TABLE g (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED);
INSERT INTO g SELECT n FROM generate_series(1, 1000) n;
CREATE TABLE rest (id int NOT NULL) PARTITION BY RANGE (id);
CREATE TABLE rest_1 PARTITION OF rest DEFAULT;
CREATE TABLE wide (w varchar(50) CHECK (w <> ''), e varchar(50), p varchar(50));
CREATE INDEX wide_e ON wide (lower(e));
CREATE INDEX wide_p ON wide (p) WHERE p <> '';
INSERT INTO wide SELECT 'w' || n, 'e' || n, 'p' || n FROM generate_series(1, 1000) n;
CREATE UNLOGGED TABLE kept_off (id bigint PRIMARY KEY);
INSERT INTO kept_off SELECT n FROM generate_series(1, 1000) n;
