-- engine postgres
-- given
CREATE TABLE orders (id bigint PRIMARY KEY, total bigint);
-- migration
REVOKE ALL ON orders FROM PUBLIC;
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
