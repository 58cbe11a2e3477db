-- given
CREATE TABLE orders (id bigint PRIMARY KEY);
-- migration
ALTER TABLE orders REPLICA IDENTITY FULL;
