-- given
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE people (id bigint PRIMARY KEY, mood mood);
-- migration
ALTER TYPE mood ADD VALUE 'happy';
-- migration
INSERT INTO people VALUES (1, 'happy');
