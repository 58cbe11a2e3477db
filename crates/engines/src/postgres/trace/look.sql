SELECT pg_catalog.json_build_object(
  'lsn', pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), '0/0')::bigint,
  'relations', (
    SELECT pg_catalog.json_agg(pg_catalog.json_build_array(c.oid::bigint, n.nspname, c.relname, c.relkind,
             pg_catalog.pg_relation_filenode(c.oid)::bigint, i.indrelid::bigint))
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
     WHERE c.relkind IN ('r', 'p', 'm', 'v', 'i', 'I') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'),
  'locks', (
    SELECT pg_catalog.json_agg(pg_catalog.json_build_array(l.relation::bigint, l.mode))
      FROM pg_catalog.pg_locks l
     WHERE l.pid = {pid} AND l.relation IS NOT NULL AND l.mode <> 'AccessShareLock'
       AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())),
  'waits', EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.pid = {pid} AND NOT l.granted),
  'reads', (
    SELECT pg_catalog.json_agg(pg_catalog.json_build_array(relid::bigint, seq_scan))
      FROM pg_catalog.pg_stat_xact_user_tables WHERE seq_scan > 0))
