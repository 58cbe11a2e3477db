-- given
CREATE TABLE orders (id bigint PRIMARY KEY);
-- migration
ALTER TABLE orders ADD COLUMN token uuid DEFAULT gen_random_uuid();
