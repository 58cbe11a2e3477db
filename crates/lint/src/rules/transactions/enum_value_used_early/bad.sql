-- given
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE people (id bigint PRIMARY KEY, mood mood);
-- refused
BEGIN;
ALTER TYPE mood ADD VALUE 'happy';
INSERT INTO people VALUES (1, 'happy');
COMMIT;
