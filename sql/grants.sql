-- The last part of the install script: who may do what. Nothing by default, so that a function that is forgotten here
-- is one that nobody can call.
REVOKE ALL ON ALL TABLES IN SCHEMA pgrealtime FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA pgrealtime FROM PUBLIC;

-- What answers only what the caller may SELECT.
GRANT SELECT ON pgrealtime.realtime_configuration TO PUBLIC;
GRANT EXECUTE ON FUNCTION
  pgrealtime.is_realtime_enabled(text),
  pgrealtime.get_user_realtime_tables(),
  pgrealtime.realtime_tables(),
  pgrealtime.relation_size(oid),
  pgrealtime.current_cursor(),
  pgrealtime.changes_since,
  pgrealtime.diagnose,
  pgrealtime.check_filter(regclass, text, text),
  -- Tells nothing but what the caller passes.
  pgrealtime.change_message,
  -- A setting that everybody may show; the view log_status asks for it as whoever reads the view.
  pgrealtime.log_retention()
TO PUBLIC;

-- What changes tables, or tells of all of them: for whoever installed the extension, who passes it on.
GRANT EXECUTE ON FUNCTION
  pgrealtime.enable(regclass, text, text[], text, text[], text, text, text[], text),
  pgrealtime.disable(regclass),
  -- CREATE TRIGGER asks for it: enable, and hand-made triggers.
  pgrealtime.capture_change(),
  pgrealtime.wait_for_changes,
  pgrealtime.prune(),
  pgrealtime.invalidate_cursors()
TO @extowner@ WITH GRANT OPTION;

GRANT SELECT ON pgrealtime.log_status TO @extowner@ WITH GRANT OPTION;

-- pg_dump reads and writes the settings as whoever runs it. Where that is the owner of the database and no superuser
-- (hosted platforms), it needs this, and BYPASSRLS.
GRANT SELECT, INSERT ON pgrealtime.settings TO @extowner@;
