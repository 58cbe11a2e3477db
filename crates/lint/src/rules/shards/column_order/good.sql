-- engine postgres mysql mariadb sqlite
-- given
CREATE TABLE orders (id bigint PRIMARY KEY, total bigint);
-- migration
INSERT INTO orders (id, total) VALUES (1, 2);
