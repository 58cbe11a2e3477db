-- given
CREATE TABLE orders (id bigint PRIMARY KEY, state text, total bigint, total_cents bigint);
-- migration
UPDATE orders SET total_cents = total * 100 WHERE total_cents IS NULL;
-- migration
DELETE FROM orders WHERE state = 'closed';
