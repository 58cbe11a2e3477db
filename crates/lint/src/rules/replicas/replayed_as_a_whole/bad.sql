-- given
CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint);
-- migration
ALTER TABLE orders ADD INDEX orders_user_id (user_id);
