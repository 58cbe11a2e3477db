-- given
CREATE TABLE orders (id bigint PRIMARY KEY, total bigint);
-- migration
CREATE DEFINER = 'reporter'@'10.0.0.7' VIEW totals AS SELECT id, total FROM orders;
CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM orders WHERE total = 0;
