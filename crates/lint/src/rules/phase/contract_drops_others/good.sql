-- given
CREATE TABLE orders (id bigint PRIMARY KEY, total bigint);
-- given expand orders-total
ALTER TABLE orders ADD COLUMN total_cents bigint;
-- given backfill orders-total
UPDATE orders SET total_cents = total * 100 WHERE total_cents IS NULL AND :batch;
-- migration contract orders-total
ALTER TABLE orders DROP COLUMN total;
