-- migration
CREATE TEMPORARY TABLE scratch (id bigint PRIMARY KEY);
