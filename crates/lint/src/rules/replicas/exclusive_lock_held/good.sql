-- given
CREATE TABLE orders (id bigint PRIMARY KEY, total bigint);
CREATE TABLE users (id bigint PRIMARY KEY, seen boolean);
-- migration
UPDATE users SET seen = false WHERE id = 1;
ALTER TABLE orders ADD COLUMN paid boolean;
