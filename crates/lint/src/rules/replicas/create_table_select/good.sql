-- given
CREATE TABLE orders (id bigint PRIMARY KEY);
-- migration
CREATE TABLE copies (id bigint PRIMARY KEY);
INSERT INTO copies SELECT id FROM orders ORDER BY id;
