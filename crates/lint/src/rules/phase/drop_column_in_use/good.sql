-- engine postgres
-- given
CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint, code bigint);
CREATE INDEX orders_user_code ON orders (user_id, code);
-- migration contract no-codes
-- greylag:transaction off
DROP INDEX CONCURRENTLY orders_user_code;
-- migration contract no-codes
ALTER TABLE orders DROP COLUMN code;
