-- given
CREATE TABLE orders (id int PRIMARY KEY, code varchar(50));
-- migration
ALTER TABLE orders ALTER COLUMN id TYPE bigint;
