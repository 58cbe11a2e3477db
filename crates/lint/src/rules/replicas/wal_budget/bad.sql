-- fleet shards = 2
-- fleet [tables.orders]
-- fleet rows = 50000000
-- fleet largest_shard = "eu-7"
-- fleet table_bytes = 9000000000
-- fleet index_bytes = 4000000000
-- given
CREATE TABLE orders (id int PRIMARY KEY);
-- migration
ALTER TABLE orders ALTER COLUMN id TYPE bigint;
