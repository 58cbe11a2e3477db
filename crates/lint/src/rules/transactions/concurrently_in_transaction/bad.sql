-- given
CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint);
-- refused
BEGIN;
CREATE INDEX CONCURRENTLY orders_user_id ON orders (user_id);
COMMIT;
