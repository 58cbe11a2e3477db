-- A routine with a body of statements, and one with a quoted body.
CREATE FUNCTION one() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT CASE WHEN true THEN 1 ELSE 2 END; END;
CREATE OR REPLACE FUNCTION two() RETURNS trigger AS $body$ BEGIN x := '$$ ; $$'; RETURN NEW; END; $body$ LANGUAGE plpgsql;
DO $$ BEGIN PERFORM 1; END $$;
