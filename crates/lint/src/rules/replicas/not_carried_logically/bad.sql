-- lint logical-replication = true
-- given
CREATE TABLE pictures (id bigint PRIMARY KEY, picture oid);
CREATE SEQUENCE picture_numbers;
-- migration
INSERT INTO pictures (id, picture) VALUES (1, lo_from_bytea(0, '\x00'));
-- migration
SELECT setval('picture_numbers', 1000);
