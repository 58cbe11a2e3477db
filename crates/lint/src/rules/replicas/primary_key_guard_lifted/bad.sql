-- engine mysql
-- migration
SET SESSION sql_require_primary_key = OFF;
CREATE TABLE audits (id bigint, what text);
