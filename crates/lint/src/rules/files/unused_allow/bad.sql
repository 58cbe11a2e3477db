-- migration
-- greylag:allow add-index-blocking because the table has 40 rows
CREATE TABLE orders (id bigint PRIMARY KEY);
