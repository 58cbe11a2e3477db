-- given
CREATE TABLE orders (id bigint PRIMARY KEY, total int);
-- refused
ALTER TABLE orders MODIFY COLUMN total bigint, ALGORITHM=INPLACE;
