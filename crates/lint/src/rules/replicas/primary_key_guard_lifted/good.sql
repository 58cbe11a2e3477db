-- engine mysql
-- migration
CREATE TABLE audits (id bigint PRIMARY KEY, what text);
