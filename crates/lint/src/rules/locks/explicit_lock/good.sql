-- engine postgres
-- given
CREATE TABLE orders (id bigint PRIMARY KEY);
-- migration
LOCK TABLE orders IN ROW EXCLUSIVE MODE;
