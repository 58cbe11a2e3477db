-- given
CREATE TABLE orders (id bigint PRIMARY KEY, total int);
-- migration
ALTER TABLE orders MODIFY COLUMN total bigint;
