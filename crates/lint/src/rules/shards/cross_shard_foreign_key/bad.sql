-- lint shard-key = ["tenant_id"]
-- lint default-class = "sharded"
-- engine postgres
-- given
CREATE TABLE users (tenant_id bigint NOT NULL, id bigint NOT NULL UNIQUE, PRIMARY KEY (tenant_id, id));
-- migration
CREATE TABLE orders (tenant_id bigint NOT NULL, id bigint NOT NULL, user_id bigint REFERENCES users (id), PRIMARY KEY (tenant_id, id));
