-- given
CREATE TABLE orders (id integer PRIMARY KEY);
-- migration
ALTER TABLE orders ADD COLUMN total integer;
