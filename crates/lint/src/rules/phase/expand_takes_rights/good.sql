-- engine postgres
-- given
CREATE TABLE orders (id bigint PRIMARY KEY, total bigint);
-- migration
CREATE TABLE notes (id bigint PRIMARY KEY);
REVOKE ALL ON notes FROM PUBLIC;
CREATE POLICY everyone ON orders USING (true);
-- migration contract rights-of-orders
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
REVOKE ALL ON orders FROM PUBLIC;
