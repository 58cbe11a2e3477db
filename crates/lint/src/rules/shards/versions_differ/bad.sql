-- engine mysql
-- lint versions.mysql = { oldest = "8.0.20", newest = "8.4" }
-- given
CREATE TABLE orders (id bigint PRIMARY KEY, total int);
-- migration contract no-total
ALTER TABLE orders DROP COLUMN total;
