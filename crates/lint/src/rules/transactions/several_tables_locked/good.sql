-- given
CREATE TABLE orders (id bigint PRIMARY KEY);
CREATE TABLE users (id bigint PRIMARY KEY);
-- migration
ALTER TABLE orders ADD COLUMN total bigint;
ALTER TABLE orders ADD COLUMN paid boolean;
-- migration
ALTER TABLE users ADD COLUMN name text;
