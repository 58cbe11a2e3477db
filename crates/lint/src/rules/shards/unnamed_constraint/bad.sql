-- given
CREATE TABLE orders (id bigint PRIMARY KEY, total bigint);
-- migration
ALTER TABLE orders ADD CHECK (total > 0);
