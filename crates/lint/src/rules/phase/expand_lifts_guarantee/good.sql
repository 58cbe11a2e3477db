-- engine postgres
-- given
CREATE TABLE orders (id bigint PRIMARY KEY, code text NOT NULL, CONSTRAINT orders_code UNIQUE (code), CONSTRAINT short CHECK (length(code) < 10));
-- migration
ALTER TABLE orders DROP CONSTRAINT short, ADD CONSTRAINT short CHECK (length(code) < 20) NOT VALID;
-- migration contract other-codes
ALTER TABLE orders DROP CONSTRAINT orders_code;
