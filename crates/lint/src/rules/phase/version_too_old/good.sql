-- lint versions.sqlite = { oldest = "3.40", newest = "3.45" }
-- given
CREATE TABLE orders (id INTEGER PRIMARY KEY, total INTEGER);
-- migration contract no-total
ALTER TABLE orders DROP COLUMN total;
