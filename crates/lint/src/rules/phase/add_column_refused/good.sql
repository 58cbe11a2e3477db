-- engine sqlite
-- given
CREATE TABLE orders (id INTEGER PRIMARY KEY);
INSERT INTO orders VALUES (1);
-- migration
ALTER TABLE orders ADD COLUMN code TEXT;
ALTER TABLE orders ADD COLUMN total INTEGER NOT NULL DEFAULT 0;
