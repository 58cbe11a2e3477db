-- given
CREATE TABLE orders (id bigint PRIMARY KEY, total bigint);
CREATE VIEW totals AS SELECT id FROM orders;
-- migration
DROP VIEW totals;
CREATE VIEW totals AS SELECT id, total FROM orders;
-- migration contract no-orders
DROP VIEW totals;
DROP TABLE orders;
