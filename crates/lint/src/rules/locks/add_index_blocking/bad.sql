-- given
CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint);
-- migration
CREATE INDEX orders_user_id ON orders (user_id);
