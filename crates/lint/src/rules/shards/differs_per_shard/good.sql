-- lint tables.countries = { class = "reference" }
-- engine postgres
-- given
CREATE TABLE countries (code text PRIMARY KEY, added timestamptz DEFAULT now());
-- migration
INSERT INTO countries VALUES ('no', '2026-11-22 00:00:00Z');
