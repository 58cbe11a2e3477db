-- given
CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint);
CREATE INDEX orders_user_id ON orders (user_id);
-- migration
-- greylag:transaction off
REINDEX INDEX CONCURRENTLY orders_user_id;
