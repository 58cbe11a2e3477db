-- lint logical-replication = true
-- given
CREATE TABLE orders (id bigint PRIMARY KEY, total bigint);
-- migration
UPDATE orders SET total = 0;
