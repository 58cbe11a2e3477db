-- lint tables.orders = { class = "sharded", shard-key = ["tenant_id"] }
-- lint tables.totals = { class = "reference" }
-- engine postgres
-- given
CREATE TABLE orders (tenant_id bigint, total bigint);
CREATE TABLE totals (tenant_id bigint PRIMARY KEY, total bigint);
-- migration
INSERT INTO totals SELECT tenant_id, sum(total) FROM orders GROUP BY tenant_id;
