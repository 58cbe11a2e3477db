WITH RECURSIVE p AS (
  SELECT oid, pubname, puballtables FROM pg_publication WHERE pubname IN ({names})
), of_schemas AS (
  {of_schemas}
), named AS (
  SELECT r.prrelid AS oid FROM pg_publication_rel r JOIN p ON p.oid = r.prpubid
  UNION
  SELECT c.oid FROM pg_class c JOIN of_schemas s ON s.pnnspid = c.relnamespace JOIN p ON p.oid = s.pnpubid
   WHERE c.relkind IN ('r', 'p')
), below AS (
  SELECT oid FROM named
  UNION
  SELECT i.inhrelid FROM pg_inherits i JOIN below b ON b.oid = i.inhparent
), above AS (
  -- What is done to a partitioned table is done to its parts.
  SELECT oid FROM named
  UNION
  SELECT i.inhparent FROM pg_inherits i JOIN above a ON a.oid = i.inhrelid
), own AS (
  SELECT n.oid FROM pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
)
SELECT 'publication' AS kind, pubname::text AS a, NULL AS b, NULL AS c, NULL AS d FROM p
UNION ALL
SELECT 'everything', NULL, NULL, NULL, NULL FROM p WHERE puballtables
UNION ALL
SELECT 'schema', s.pnnspid::regnamespace::text, NULL, NULL, NULL FROM of_schemas s JOIN p ON p.oid = s.pnpubid
UNION ALL
SELECT 'table', n.nspname, c.relname, NULL, NULL
  FROM (SELECT oid FROM below UNION SELECT oid FROM above) t
  JOIN pg_class c ON c.oid = t.oid AND c.relkind IN ('r', 'p') JOIN pg_namespace n ON n.oid = c.relnamespace
UNION ALL
SELECT 'visible', n.nspname, c.relname, NULL, NULL
  FROM pg_class c JOIN own ON own.oid = c.relnamespace JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND pg_table_is_visible(c.oid)
UNION ALL
SELECT 'index', n.nspname, i.relname, tn.nspname, t.relname
  FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN own ON own.oid = i.relnamespace
  JOIN pg_namespace n ON n.oid = i.relnamespace
  JOIN pg_class t ON t.oid = x.indrelid JOIN pg_namespace tn ON tn.oid = t.relnamespace
UNION ALL
SELECT 'new', current_schema()::text, NULL, NULL, NULL
