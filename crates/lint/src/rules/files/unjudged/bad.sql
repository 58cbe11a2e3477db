-- given
CREATE TABLE orders (id bigint PRIMARY KEY);
-- migration
DO $$ BEGIN EXECUTE 'ALTER TABLE orders ADD COLUMN total bigint'; END $$;
