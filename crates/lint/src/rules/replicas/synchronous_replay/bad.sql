-- fleet waits_for_replay = true
-- given
CREATE TABLE orders (id bigint PRIMARY KEY);
-- migration
ALTER TABLE orders ADD COLUMN total bigint;
