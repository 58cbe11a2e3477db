-- given
CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint);
CREATE INDEX orders_user_id ON orders (user_id);
-- migration contract fewer-indexes
-- greylag:transaction off
DROP INDEX CONCURRENTLY orders_user_id;
