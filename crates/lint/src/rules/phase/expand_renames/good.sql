-- given
CREATE TABLE orders (id bigint PRIMARY KEY, total bigint);
-- migration
ALTER TABLE orders ADD COLUMN total_cents bigint;
