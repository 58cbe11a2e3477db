-- fleet waits_for_replay = true
-- given
CREATE TABLE orders (id bigint PRIMARY KEY);
-- migration
-- greylag:transaction off
CREATE INDEX CONCURRENTLY orders_id ON orders (id);
