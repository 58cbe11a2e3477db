-- fleet shards = 2
-- fleet [tables.orders]
-- fleet rows = 50000000
-- fleet largest_shard = "eu-7"
-- fleet table_bytes = 400000000
-- fleet index_bytes = 100000000
-- given
CREATE TABLE orders (id int PRIMARY KEY, total int);
-- migration
UPDATE orders SET total = total * 100 WHERE total > 0;
DELETE FROM orders WHERE total IS NULL;
