-- engine mysql
-- fleet [tables.orders]
-- fleet row_versions = 64
-- given
CREATE TABLE orders (id bigint PRIMARY KEY);
-- migration
ALTER TABLE orders ADD COLUMN total bigint, ALGORITHM=INSTANT;
