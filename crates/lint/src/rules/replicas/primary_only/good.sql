-- given
CREATE SEQUENCE tickets;
CREATE TABLE orders (id bigint PRIMARY KEY);
-- migration
CREATE VIEW numbered AS SELECT row_number() OVER (ORDER BY id) AS ticket, id FROM orders;
