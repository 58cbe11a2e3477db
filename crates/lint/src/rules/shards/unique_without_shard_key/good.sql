-- lint tables.orders = { class = "sharded", shard-key = ["tenant_id"] }
-- engine postgres
-- given
CREATE TABLE orders (tenant_id bigint NOT NULL, id bigint NOT NULL, code text, PRIMARY KEY (tenant_id, id));
-- migration
CREATE UNIQUE INDEX orders_code ON orders (tenant_id, code);
