-- engine postgres
-- given
CREATE TABLE orders (id bigint PRIMARY KEY, code text NOT NULL, CONSTRAINT orders_code UNIQUE (code));
-- migration
ALTER TABLE orders DROP CONSTRAINT orders_code;
-- migration
ALTER TABLE orders ALTER COLUMN code DROP NOT NULL;
