/* outer /* inner; */ still; */
BEGIN; CREATE INDEX CONCURRENTLY i ON "a;b" (c) ; COMMIT;
ALTER TYPE mood ADD VALUE 'fine'; SELECT (1; 2), 'a'::text, x::batch, :batch FROM t;
CREATE RULE r AS ON INSERT TO t DO ALSO (INSERT INTO a VALUES (1); INSERT INTO b VALUES (2));
VACUUM t
