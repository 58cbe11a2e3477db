-- given
CREATE TABLE orders (id bigint PRIMARY KEY, total bigint);
-- migration
ALTER TABLE orders RENAME COLUMN total TO total_cents;
