-- given
CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint);
-- migration
CREATE TABLE fresh (id bigint PRIMARY KEY, user_id bigint);
CREATE INDEX fresh_user_id ON fresh (user_id);
-- migration
-- greylag:transaction off
CREATE INDEX CONCURRENTLY orders_user_id ON orders (user_id);
