-- given
CREATE TABLE users (id bigint PRIMARY KEY, name text);
CREATE TABLE orders (id bigint PRIMARY KEY, total bigint, note text);
-- given expand orders-total
ALTER TABLE orders ADD COLUMN total_cents bigint;
-- migration contract orders-total
ALTER TABLE orders DROP COLUMN note;
DROP TABLE users;
