-- given
CREATE TABLE orders (id bigint PRIMARY KEY, total bigint);
-- migration
ALTER TABLE orders ADD CONSTRAINT orders_total_not_null CHECK (total IS NOT NULL) NOT VALID;
-- migration
ALTER TABLE orders VALIDATE CONSTRAINT orders_total_not_null;
-- migration
ALTER TABLE orders ALTER COLUMN total SET NOT NULL;
ALTER TABLE orders DROP CONSTRAINT orders_total_not_null;
