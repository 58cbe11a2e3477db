-- engine postgres
-- given
CREATE TABLE orders (id bigint PRIMARY KEY, at timestamp);
-- migration
ALTER TABLE orders ALTER COLUMN at TYPE timestamptz;
