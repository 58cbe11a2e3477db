WITH RECURSIVE t AS (
  SELECT c.oid, n.nspname, c.relname, c.relkind, c.reltuples, c.relpages, pg_table_is_visible(c.oid) AS visible,
         {heap} AS heap, {whole} AS whole, {indexes} AS indexes, pg_stat_get_live_tuples(c.oid) AS live,
         (SELECT coalesce(sum(CASE WHEN a.attlen > 0 THEN a.attlen ELSE 24 END), 0) FROM pg_attribute a
           WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS width,
         EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) AS keyed
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'm', 'p') AND c.relpersistence <> 't' AND n.nspname <> 'information_schema'
     AND n.nspname NOT LIKE 'pg\_%' AND {schema}
), counted AS (
  -- As the planner has it: the density of the last count, or of rows as wide as the columns are, times the size now.
  SELECT t.*, CASE WHEN relkind = 'p' OR heap = 0 THEN 0
      WHEN reltuples >= 0 AND relpages > 0 THEN reltuples * heap / (relpages * current_setting('block_size')::float8)
      ELSE greatest(live, heap / (28 + width)) END AS rows
    FROM t
), tree AS (
  -- Whatever has heirs: partitions, and tables that inherit; each once, by however many ways it descends.
  SELECT oid AS root, oid AS member FROM t WHERE EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = t.oid)
  UNION
  SELECT tree.root, i.inhrelid FROM tree JOIN pg_inherits i ON i.inhparent = tree.member
), whole AS (
  SELECT c.oid, c.nspname, c.relname, c.visible, c.keyed,
         coalesce(p.rows, c.rows) AS rows, coalesce(p.whole, c.whole) AS whole, coalesce(p.indexes, c.indexes) AS indexes
    FROM counted c
    LEFT JOIN (SELECT tree.root, sum(m.rows) AS rows, sum(m.whole) AS whole, sum(m.indexes) AS indexes
                 FROM tree JOIN counted m ON m.oid = tree.member GROUP BY tree.root) p ON p.root = c.oid
), counting AS (
  -- Sequences that a column owns, or whose default takes numbers from them, that go up and come to an end.
  SELECT d.refobjid AS rel, d.refobjsubid::int AS att, d.objid AS seq FROM pg_depend d
   WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
  UNION
  SELECT f.adrelid, f.adnum::int, d.refobjid FROM pg_depend d JOIN pg_attrdef f ON f.oid = d.objid
   WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid = 0
), numbered AS (
  SELECT n.rel, n.last - n.least + 1 AS used, least(n.most, n.seqmax) - n.least + 1 AS room, n.attname, n.type
    FROM (
      SELECT o.rel, a.attname, format_type(a.atttypid, NULL) AS type, s.seqmin AS least, s.seqmax, {last} AS last,
             CASE a.atttypid WHEN 'int2'::regtype THEN 32767 WHEN 'int4'::regtype THEN 2147483647 ELSE 9223372036854775807 END AS most
        FROM counting o
        JOIN pg_class q ON q.oid = o.seq AND q.relkind = 'S' AND q.relpersistence <> 't'
        JOIN pg_sequence s ON s.seqrelid = q.oid
        JOIN pg_attribute a ON a.attrelid = o.rel AND a.attnum = o.att AND NOT a.attisdropped
       WHERE {primary} AND o.rel IN (SELECT oid FROM t) AND s.seqincrement > 0 AND NOT s.seqcycle AND s.seqmin > 0
         AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)) n
   WHERE n.last >= n.least
)
SELECT json_build_object(
  'version', current_setting('server_version'),
  'server', extract(epoch FROM pg_postmaster_start_time()) || ':' || current_setting('port'),
  'standby', pg_is_in_recovery(),
  'remote_apply', current_setting('synchronous_commit') = 'remote_apply' AND current_setting('synchronous_standby_names') <> '',
  'delay', (SELECT setting::bigint FROM pg_settings WHERE name = 'max_standby_streaming_delay'),
  'feedback', current_setting('hot_standby_feedback') = 'on',
  'sees_stats', pg_has_role(current_user, 'pg_read_all_stats', 'usage'),
  'user', current_user,
  'reader', (
    SELECT max(extract(epoch FROM clock_timestamp() - xact_start) * 1000)::bigint FROM pg_stat_activity
     WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND datname = current_database()),
  'settings', (
    SELECT json_object_agg(name, setting) FROM pg_settings WHERE name IN (
      'TimeZone', 'DateStyle', 'IntervalStyle', 'search_path', 'default_table_access_method', 'default_tablespace',
      'standard_conforming_strings', 'check_function_bodies', 'default_transaction_isolation', 'server_encoding')),
  -- Of the first that tells: the library is the same for all of them, and on a standby perhaps another one. C sorts by bytes.
  'collation', (
    SELECT pg_collation_actual_version(c.oid) FROM pg_collation c JOIN pg_database d ON d.datname = current_database()
     WHERE c.collprovider = 'c' AND d.datcollate NOT IN ('C', 'POSIX', 'C.UTF-8', 'C.utf8')
       AND pg_collation_actual_version(c.oid) IS NOT NULL ORDER BY c.collname LIMIT 1),
  'publications', (
    SELECT json_agg(json_build_object('name', p.pubname, 'all', p.puballtables, 'tables', (
      SELECT json_agg(v.schemaname || '.' || v.tablename ORDER BY 1) FROM pg_publication_tables v
       WHERE v.pubname = p.pubname AND NOT p.puballtables), 'schemas', (
      -- What it carries and does not name, it carries for its schema's sake.
      SELECT json_agg(DISTINCT v.schemaname) FROM pg_publication_tables v
        JOIN pg_namespace n ON n.nspname = v.schemaname JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = v.tablename
       WHERE v.pubname = p.pubname AND NOT p.puballtables AND NOT EXISTS (
         SELECT FROM pg_publication_rel r WHERE r.prpubid = p.oid
           AND (r.prrelid = c.oid OR r.prrelid IN (SELECT pg_partition_ancestors(c.oid)))))) ORDER BY p.pubname)
      FROM pg_publication p),
  'slots', (
    SELECT json_agg(json_build_object('name', slot_name, 'logical', slot_type = 'logical', 'safe', safe_wal_size) ORDER BY slot_name)
      FROM pg_replication_slots WHERE NOT temporary AND (slot_type = 'physical' OR database = current_database())),
  'tables', (
    SELECT json_agg(json_build_object('schema', nspname, 'name', relname, 'visible', visible, 'keyed', keyed,
             'rows', coalesce(rows, 0)::bigint, 'bytes', coalesce(whole, 0)::bigint, 'index_bytes', coalesce(indexes, 0)::bigint,
             'numbered', (SELECT json_agg(json_build_object('column', d.attname, 'type', d.type, 'used', d.used, 'room', d.room) ORDER BY d.attname)
                FROM numbered d WHERE d.rel = whole.oid)))
      FROM whole WHERE {primary}))
