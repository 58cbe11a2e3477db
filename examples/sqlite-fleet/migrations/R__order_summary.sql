DROP VIEW IF EXISTS order_summary;
CREATE VIEW order_summary AS
    SELECT count(*) AS orders, sum(total) AS total FROM orders;
