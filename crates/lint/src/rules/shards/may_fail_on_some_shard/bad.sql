-- lint default-class = "sharded"
-- engine postgres
-- given
CREATE TABLE orders (id bigint PRIMARY KEY, total bigint);
-- migration
ALTER TABLE orders ALTER COLUMN total SET NOT NULL;
-- migration
ALTER TABLE orders ALTER COLUMN total TYPE int;
