-- given
CREATE TABLE orders (id bigint PRIMARY KEY, total bigint, CONSTRAINT orders_total CHECK (total > 0));
-- migration contract no-check
ALTER TABLE orders DROP CONSTRAINT orders_total;
