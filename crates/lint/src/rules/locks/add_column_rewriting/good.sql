-- given
CREATE TABLE orders (id bigint PRIMARY KEY);
-- migration
ALTER TABLE orders ADD COLUMN token uuid;
ALTER TABLE orders ALTER COLUMN token SET DEFAULT gen_random_uuid();
ALTER TABLE orders ADD COLUMN seen timestamptz DEFAULT now();
ALTER TABLE orders ADD COLUMN paid boolean NOT NULL DEFAULT false;
