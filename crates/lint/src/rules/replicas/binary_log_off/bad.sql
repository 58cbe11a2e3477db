-- given
CREATE TABLE orders (id bigint PRIMARY KEY);
-- migration
SET sql_log_bin = 0;
ALTER TABLE orders ADD COLUMN total bigint;
