-- engine postgres
-- given
CREATE TABLE users (id bigint PRIMARY KEY);
CREATE TABLE orders (id bigint PRIMARY KEY, total bigint);
-- migration
ALTER TABLE orders ADD COLUMN user_id bigint, ADD COLUMN slug text, ADD COLUMN status text;
ALTER TABLE orders ADD CONSTRAINT orders_user FOREIGN KEY (user_id) REFERENCES users (id) NOT VALID;
CREATE UNIQUE INDEX orders_slug ON orders (slug);
ALTER TABLE orders ADD CONSTRAINT orders_status CHECK (status IN ('open', 'paid')) NOT VALID;
-- migration contract positive-totals
ALTER TABLE orders ADD CONSTRAINT orders_total CHECK (total > 0) NOT VALID;
