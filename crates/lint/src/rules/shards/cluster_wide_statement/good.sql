-- lint shared-servers = false
-- engine postgres
-- migration
CREATE TABLE orders (id bigint PRIMARY KEY);
