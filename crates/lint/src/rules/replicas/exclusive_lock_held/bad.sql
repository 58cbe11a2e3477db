-- given
CREATE TABLE orders (id bigint PRIMARY KEY, total bigint);
CREATE TABLE users (id bigint PRIMARY KEY, seen boolean);
-- migration
ALTER TABLE orders ADD COLUMN paid boolean;
UPDATE users SET seen = false WHERE seen IS NULL;
