-- lint replicas = true
-- given
CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint);
-- migration
CREATE TABLE fresh (id bigint PRIMARY KEY);
ALTER TABLE fresh ADD COLUMN total bigint;
CREATE TRIGGER checked BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
