-- given
CREATE TABLE orders (id bigint PRIMARY KEY, total bigint);
-- migration
CREATE DEFINER = CURRENT_USER VIEW totals AS SELECT id, total FROM orders;
CREATE SQL SECURITY INVOKER VIEW sums AS SELECT sum(total) AS total FROM orders;
