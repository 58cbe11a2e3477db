-- engine postgres
-- given
CREATE TABLE orders (id bigint PRIMARY KEY, total bigint);
-- migration
SET LOCAL statement_timeout = '5s';
ALTER TABLE orders ADD COLUMN note text;
