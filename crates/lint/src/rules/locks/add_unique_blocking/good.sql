-- given
CREATE TABLE orders (id bigint PRIMARY KEY, code text);
-- migration
-- greylag:transaction off
CREATE UNIQUE INDEX CONCURRENTLY orders_code_key ON orders (code);
-- migration
ALTER TABLE orders ADD CONSTRAINT orders_code_key UNIQUE USING INDEX orders_code_key;
