-- given
CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint);
-- migration
-- greylag:allow add-index-blocking because the table has 40 rows
CREATE INDEX orders_user_id ON orders (user_id);
