-- given
CREATE TABLE orders (id bigint PRIMARY KEY, total bigint);
-- given expand orders-total
ALTER TABLE orders ADD COLUMN total_cents bigint;
-- migration contract orders-total
ALTER TABLE orders DROP COLUMN total;
