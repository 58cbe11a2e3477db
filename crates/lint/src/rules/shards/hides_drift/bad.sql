-- engine postgres sqlite
-- migration
CREATE TABLE IF NOT EXISTS orders (id bigint PRIMARY KEY);
