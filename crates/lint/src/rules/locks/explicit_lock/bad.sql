-- engine postgres
-- given
CREATE TABLE orders (id bigint PRIMARY KEY);
-- migration
LOCK TABLE orders IN ACCESS EXCLUSIVE MODE;
