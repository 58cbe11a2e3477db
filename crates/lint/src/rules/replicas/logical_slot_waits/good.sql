-- fleet shards = 2
-- fleet [[slots]]
-- fleet shard = "eu-7"
-- fleet name = "debezium"
-- fleet logical = true
-- given
CREATE TABLE orders (id bigint PRIMARY KEY, total int);
-- migration
ALTER TABLE orders ADD COLUMN total_big bigint;
