-- Runs outside of a transaction by itself; a failed build is dropped and done again.
CREATE INDEX CONCURRENTLY orders_customer ON orders (customer_id);
