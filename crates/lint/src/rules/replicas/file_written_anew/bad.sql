-- given
CREATE TABLE orders (id integer PRIMARY KEY);
-- migration
-- greylag:transaction off
VACUUM;
