-- lint shard-key = ["tenant_id"]
-- lint default-class = "sharded"
-- lint tables.countries = { class = "reference" }
-- engine postgres
-- given
CREATE TABLE users (tenant_id bigint NOT NULL, id bigint NOT NULL, PRIMARY KEY (tenant_id, id));
CREATE TABLE countries (code text PRIMARY KEY);
-- migration
CREATE TABLE orders (
    tenant_id bigint NOT NULL,
    id bigint NOT NULL,
    user_id bigint,
    country text REFERENCES countries (code),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);
