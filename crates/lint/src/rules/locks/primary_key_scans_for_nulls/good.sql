-- given
CREATE TABLE orders (id bigint NOT NULL);
CREATE UNIQUE INDEX orders_id ON orders (id);
-- migration
ALTER TABLE orders ADD CONSTRAINT orders_pkey PRIMARY KEY USING INDEX orders_id;
