-- given
CREATE TABLE orders (id bigint PRIMARY KEY);
-- migration
-- greylag:lock-timeout 500ms
ALTER TABLE orders ADD COLUMN total bigint;
