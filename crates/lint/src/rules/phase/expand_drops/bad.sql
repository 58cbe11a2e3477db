-- given
CREATE TABLE orders (id bigint PRIMARY KEY, total bigint);
-- migration
DROP TABLE orders;
