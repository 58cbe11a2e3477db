-- given
CREATE SEQUENCE tickets;
CREATE TABLE orders (id bigint PRIMARY KEY);
-- migration
CREATE VIEW numbered AS SELECT nextval('tickets') AS ticket, id FROM orders;
