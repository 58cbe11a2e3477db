-- fleet shards = 480
-- lint default-class = "sharded"
-- lint shard-key = ["tenant_id"]
-- migration
CREATE TABLE orders (tenant_id bigint NOT NULL, id bigint NOT NULL, PRIMARY KEY (tenant_id, id));
