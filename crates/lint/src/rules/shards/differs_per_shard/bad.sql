-- lint tables.countries = { class = "reference" }
-- engine postgres
-- given
CREATE TABLE countries (code text PRIMARY KEY, added timestamptz);
-- migration
INSERT INTO countries VALUES ('no', now());
