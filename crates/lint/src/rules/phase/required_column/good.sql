-- engine postgres mysql mariadb sqlite
-- given
CREATE TABLE orders (id bigint PRIMARY KEY);
-- migration
ALTER TABLE orders ADD COLUMN total bigint NOT NULL DEFAULT 0;
