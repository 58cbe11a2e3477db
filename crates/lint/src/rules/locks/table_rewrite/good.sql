-- given
CREATE TABLE orders (id bigint PRIMARY KEY);
-- migration
-- greylag:transaction off
VACUUM (ANALYZE) orders;
