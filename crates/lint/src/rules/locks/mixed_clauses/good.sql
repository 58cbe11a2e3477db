-- given
CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint);
-- migration
ALTER TABLE orders ADD COLUMN total bigint, ADD COLUMN paid boolean;
-- migration
ALTER TABLE orders ADD INDEX orders_user_id (user_id), ADD INDEX orders_both (user_id, id);
