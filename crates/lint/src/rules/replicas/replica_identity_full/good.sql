-- given
CREATE TABLE orders (id bigint PRIMARY KEY, code bigint NOT NULL);
CREATE UNIQUE INDEX orders_code ON orders (code);
-- migration
ALTER TABLE orders REPLICA IDENTITY USING INDEX orders_code;
