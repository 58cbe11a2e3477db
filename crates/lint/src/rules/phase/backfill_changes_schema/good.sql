-- given
CREATE TABLE orders (id bigint PRIMARY KEY, total bigint, total_cents bigint);
-- migration backfill orders-total
UPDATE orders SET total_cents = total * 100 WHERE total_cents IS NULL AND :batch;
