-- given
CREATE TABLE orders (id bigint PRIMARY KEY);
-- refused
SET sql_log_bin = 0;
ALTER TABLE orders ADD COLUMN total bigint;
