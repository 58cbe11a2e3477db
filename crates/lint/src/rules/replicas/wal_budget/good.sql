-- fleet shards = 2
-- fleet [tables.orders]
-- fleet rows = 500
-- fleet largest_shard = "eu-7"
-- fleet table_bytes = 90000
-- fleet index_bytes = 40000
-- given
CREATE TABLE orders (id int PRIMARY KEY);
-- migration
ALTER TABLE orders ALTER COLUMN id TYPE bigint;
