-- given
CREATE TABLE orders (id bigint PRIMARY KEY, token varchar(40));
-- migration
UPDATE orders SET token = 'a' WHERE id = 1;
