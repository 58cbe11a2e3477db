-- given
CREATE TABLE orders (id int PRIMARY KEY, code varchar(50), price numeric(10, 2));
-- migration
ALTER TABLE orders ALTER COLUMN code TYPE varchar(100);
ALTER TABLE orders ALTER COLUMN code TYPE text;
ALTER TABLE orders ALTER COLUMN price TYPE numeric(12, 2);
