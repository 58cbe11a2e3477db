-- given
CREATE TABLE orders (id bigint PRIMARY KEY);
-- migration
CREATE TABLE copies AS SELECT id FROM orders;
