-- lint logical-replication = true
-- given
CREATE TABLE pictures (id bigint PRIMARY KEY, picture bytea);
-- migration
INSERT INTO pictures (id, picture) VALUES (1, '\x00');
