-- migration
-- greylag:allow add-index-blokking because the table has 40 rows
CREATE TABLE orders (id bigint PRIMARY KEY);
