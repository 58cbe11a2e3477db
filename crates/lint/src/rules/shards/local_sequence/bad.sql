-- lint tables.orders = { class = "sharded", shard-key = ["tenant_id"] }
-- engine postgres
-- migration
CREATE TABLE orders (id bigserial PRIMARY KEY, tenant_id bigint NOT NULL);
