WITH a AS MATERIALIZED (
  SELECT pid, datname, usename, application_name, left(query, 300) AS query, state, backend_type,
         wait_event_type, wait_event, xact_start, backend_xmin,
         (extract(epoch FROM clock_timestamp() - coalesce(xact_start, query_start)) * 1000)::bigint AS open_ms
    FROM pg_stat_activity
), here AS MATERIALIZED (
  SELECT pg_is_in_recovery() AS standby,
         (SELECT oid FROM pg_database WHERE datname = current_database()) AS database,
         pg_has_role(current_user, 'pg_read_all_stats', 'usage') AS sees_stats,
         pg_has_role(current_user, 'pg_read_all_settings', 'usage') AS sees_settings,
         -- Replayed before received, so that equal means equal.
         CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() END AS replayed,
         CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() END AS received
)
SELECT json_build_object(
  'standby', standby,
  'read_only', current_setting('transaction_read_only') = 'on',
  'sees_stats', sees_stats,
  'sees_settings', sees_settings,
  'user', current_user,
  'database', current_database(),
  'catalog', pg_relation_filepath(1259),
  'schema', current_schema(),
  'host', inet_server_addr(),
  'port', inet_server_port(),
  'started', extract(epoch FROM pg_postmaster_start_time())::text,
  {control}
  'carries', CASE WHEN has_table_privilege(to_regclass({identity}), 'select') THEN true ELSE false END,
  'shard', {shard},
  'replayed', replayed,
  'received', greatest(received, replayed),
  'receiver', CASE WHEN standby THEN (
    SELECT json_build_object(
      'status', status, 'host', sender_host, 'port', sender_port, 'timeline', received_tli,
      'name', substring(conninfo FROM '(?:^|\s)application_name=(\S+)'),
      'heard', extract(epoch FROM clock_timestamp() - last_msg_receipt_time))
    FROM pg_stat_wal_receiver) END,
  -- Host and port alone: the rest of it may be a password.
  'configured', CASE WHEN standby AND sees_settings THEN json_build_array(
    substring(current_setting('primary_conninfo') FROM '(?:^|\s)host\s*=\s*''?([^'' ]+)'),
    substring(current_setting('primary_conninfo') FROM '(?:^|\s)port\s*=\s*''?([^'' ]+)')) END,
  -- One that is fed by an archive of the log has nobody to be connected to.
  'archive', CASE WHEN standby AND sees_settings THEN current_setting('restore_command') <> ''
    AND current_setting('primary_conninfo') = '' ELSE false END,
  'paused', CASE WHEN standby THEN pg_get_wal_replay_pause_state() END,
  'delay', CASE WHEN standby THEN extract(epoch FROM current_setting('recovery_min_apply_delay')::interval) END,
  'patience', CASE WHEN NOT standby THEN NULL
    WHEN current_setting('max_standby_streaming_delay') = '-1' THEN -1
    ELSE extract(epoch FROM current_setting('max_standby_streaming_delay')::interval) END,
  'startup', CASE WHEN standby THEN (
    SELECT json_build_object('kind', wait_event_type, 'event', wait_event, 'by', CASE
      WHEN wait_event_type = 'Lock' THEN (
        SELECT json_agg(b ORDER BY b.open_ms DESC NULLS LAST) FROM (
          SELECT DISTINCT ON (h.pid) h.pid::text AS pid, o.usename AS user, nullif(o.application_name, '') AS application,
                 o.query, o.open_ms,
                 h.mode || CASE WHEN h.database = here.database AND h.relation IS NOT NULL
                   THEN ' on ' || h.relation::regclass ELSE ' on a ' || h.locktype END AS holds
            FROM pg_locks w
            JOIN pg_locks h ON h.granted AND h.pid <> w.pid AND h.locktype = w.locktype
             AND h.database IS NOT DISTINCT FROM w.database AND h.relation IS NOT DISTINCT FROM w.relation
             AND h.transactionid IS NOT DISTINCT FROM w.transactionid
             AND h.virtualxid IS NOT DISTINCT FROM w.virtualxid
             AND h.classid IS NOT DISTINCT FROM w.classid AND h.objid IS NOT DISTINCT FROM w.objid
             AND h.objsubid IS NOT DISTINCT FROM w.objsubid
            LEFT JOIN a o ON o.pid = h.pid
           WHERE w.pid = s.pid AND NOT w.granted) b)
      -- Rows go that the oldest snapshot may still see: its owner, and nobody younger, is certain to hold it up.
      WHEN wait_event = 'RecoveryConflictSnapshot' THEN (
        SELECT json_agg(b) FROM (
          SELECT pid::text AS pid, usename AS user, nullif(application_name, '') AS application, query, open_ms,
                 'a snapshot that still sees the rows' AS holds
            FROM a WHERE backend_xmin IS NOT NULL AND backend_type = 'client backend'
           ORDER BY age(backend_xmin) DESC LIMIT 1) b)
      END)
    FROM a s WHERE backend_type = 'startup') END,
  'children', (
    SELECT json_agg(json_build_object(
      'name', w.application_name, 'host', host(w.client_addr), 'state', w.state, 'sent', w.sent_lsn,
      'written', w.write_lsn, 'flushed', w.flush_lsn, 'replayed', w.replay_lsn, 'lag', extract(epoch FROM w.replay_lag),
      'logical', s.slot_name IS NOT NULL))
    FROM pg_stat_replication w
    LEFT JOIN pg_replication_slots s ON s.active_pid = w.pid AND s.slot_type = 'logical'),
  'slots', (
    SELECT json_agg(json_build_object(
      'name', slot_name, 'logical', slot_type = 'logical', 'database', database, 'active', active,
      'confirmed', coalesce(confirmed_flush_lsn, restart_lsn),
      'retained', pg_wal_lsn_diff(
        CASE WHEN standby THEN greatest(received, replayed) ELSE pg_current_wal_insert_lsn() END, restart_lsn),
      'safe', safe_wal_size, 'status', wal_status, 'invalidated', {invalidated}))
    FROM pg_replication_slots WHERE NOT temporary),
  'conflicts', CASE WHEN standby THEN (
    SELECT row_to_json(c) FROM pg_stat_database_conflicts c WHERE c.datid = here.database) END,
  'conflicts_reset', CASE WHEN standby THEN (
    SELECT d.stats_reset FROM pg_stat_database d WHERE d.datid = here.database) END,
  -- What was never reset is counted since the server's statistics began: its oldest ones say when.
  'counting', least((SELECT stats_reset FROM pg_stat_bgwriter), (SELECT stats_reset FROM pg_stat_archiver)),
  -- A standby of a subscriber has its subscriptions in the catalog, and runs none of them.
  'subscriptions', CASE WHEN NOT standby THEN (
    SELECT json_agg(json_build_object(
      'name', s.subname, 'enabled', s.subenabled, 'slot', s.subslotname, 'publications', s.subpublications,
      'running', (SELECT count(w.pid) > 0 FROM pg_stat_subscription w WHERE w.subid = s.oid AND w.relid IS NULL),
      'received', (SELECT max(w.received_lsn) FROM pg_stat_subscription w WHERE w.subid = s.oid AND w.relid IS NULL),
      'syncing', (SELECT count(*) FROM pg_subscription_rel r WHERE r.srsubid = s.oid AND r.srsubstate <> 'r'),
      'errors', {errors}))
    FROM pg_subscription s WHERE s.subdbid = here.database) END,
  'load', (
    SELECT json_build_array(count(*) FILTER (WHERE state = 'active'), count(*) FILTER (WHERE wait_event_type = 'Lock'))
    FROM a WHERE backend_type = 'client backend' AND application_name NOT LIKE 'greylag/%' AND pid <> pg_backend_pid()),
  'oldest', (
    SELECT row_to_json(o) FROM (
      SELECT pid::text AS pid, usename AS user, nullif(application_name, '') AS application, query, open_ms
        FROM a WHERE xact_start IS NOT NULL AND backend_type = 'client backend' AND datname = current_database()
         AND pid <> pg_backend_pid()
       ORDER BY xact_start LIMIT 1) o),
  -- Children before: what they have can't be more than this.
  'written', CASE WHEN NOT standby THEN pg_current_wal_insert_lsn() END,
  'file', CASE WHEN NOT standby THEN pg_walfile_name(pg_current_wal_insert_lsn()) END)
FROM here
