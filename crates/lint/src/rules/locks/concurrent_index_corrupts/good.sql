-- lint versions.postgres = { oldest = "14.9", newest = "15.4" }
-- given
CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint);
-- migration
CREATE INDEX CONCURRENTLY orders_user_id ON orders (user_id);
