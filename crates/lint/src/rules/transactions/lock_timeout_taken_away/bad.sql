-- given
CREATE TABLE orders (id bigint PRIMARY KEY);
-- migration
SET lock_timeout = 0;
ALTER TABLE orders ADD COLUMN total bigint;
