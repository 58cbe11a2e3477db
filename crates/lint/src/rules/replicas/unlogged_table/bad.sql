-- migration
CREATE UNLOGGED TABLE scratch (id bigint PRIMARY KEY);
