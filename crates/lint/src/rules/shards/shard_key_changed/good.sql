-- lint tables.orders = { class = "sharded", shard-key = ["tenant_id"] }
-- engine postgres
-- given
CREATE TABLE orders (tenant_id int NOT NULL, id bigint NOT NULL, PRIMARY KEY (tenant_id, id));
-- migration
ALTER TABLE orders ADD COLUMN total bigint;
