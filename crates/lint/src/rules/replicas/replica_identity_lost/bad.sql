-- lint logical-replication = true
-- given
CREATE TABLE orders (id bigint PRIMARY KEY);
-- migration
CREATE TABLE events (at timestamptz);
-- migration contract other-key
ALTER TABLE orders DROP CONSTRAINT orders_pkey;
