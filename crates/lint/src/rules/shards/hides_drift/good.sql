-- engine postgres sqlite
-- migration
CREATE TABLE orders (id bigint PRIMARY KEY);
