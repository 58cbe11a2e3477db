-- lint logical-replication = true
-- given
CREATE TABLE orders (id bigint PRIMARY KEY, code bigint NOT NULL);
-- migration
CREATE TABLE events (id bigint PRIMARY KEY, at timestamptz);
-- migration contract other-key
ALTER TABLE orders REPLICA IDENTITY FULL;
ALTER TABLE orders DROP CONSTRAINT orders_pkey;
