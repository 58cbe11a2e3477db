-- lint tables.orders = { class = "sharded", shard-key = ["tenant_id"] }
-- engine postgres
-- migration
CREATE TABLE orders (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), tenant_id bigint NOT NULL);
