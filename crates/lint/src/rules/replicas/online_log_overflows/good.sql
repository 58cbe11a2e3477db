-- lint tables = { orders = { rows = 50000000 } }
-- given
CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint);
-- migration
ALTER TABLE orders ADD COLUMN total bigint;
