-- lint logical-replication = true
-- given
CREATE TABLE orders (id bigint PRIMARY KEY, total bigint);
-- migration backfill zero
UPDATE orders SET total = 0 WHERE :batch;
