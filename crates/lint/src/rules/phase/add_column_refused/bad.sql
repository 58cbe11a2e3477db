-- engine sqlite
-- given
CREATE TABLE orders (id INTEGER PRIMARY KEY);
INSERT INTO orders VALUES (1);
-- refused
ALTER TABLE orders ADD COLUMN code TEXT UNIQUE;
-- refused
ALTER TABLE orders ADD COLUMN total INTEGER NOT NULL;
-- refused
ALTER TABLE orders ADD COLUMN at TEXT DEFAULT (datetime('now'));
