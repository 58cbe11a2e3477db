-- given
CREATE TABLE orders (id bigint PRIMARY KEY, total bigint);
CREATE VIEW totals AS SELECT id FROM orders;
CREATE TABLE notes (id bigint PRIMARY KEY, note varchar(200));
-- migration
DROP VIEW totals;
CREATE VIEW totals AS SELECT id, total FROM orders;
-- migration
CREATE TABLE next (id bigint PRIMARY KEY, note varchar(500));
INSERT INTO next (id, note) SELECT id, note FROM notes;
DROP TABLE notes;
ALTER TABLE next RENAME TO notes;
-- migration contract no-orders
DROP VIEW totals;
DROP TABLE orders;
