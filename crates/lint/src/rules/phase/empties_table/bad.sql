-- given
CREATE TABLE orders (id bigint PRIMARY KEY);
-- migration
DELETE FROM orders;
