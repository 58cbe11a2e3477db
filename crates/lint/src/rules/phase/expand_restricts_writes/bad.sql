-- engine postgres
-- given
CREATE TABLE orders (id bigint PRIMARY KEY, total numeric(10,4));
-- migration
ALTER TABLE orders ADD CONSTRAINT orders_total CHECK (total > 0) NOT VALID;
-- migration
ALTER TABLE orders ALTER COLUMN total TYPE numeric(10,2);
