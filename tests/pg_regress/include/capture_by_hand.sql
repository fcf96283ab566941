\set ECHO none
-- capture(relation): ties triggers to a table as a user does who does not call enable.
CREATE FUNCTION public.capture(relation regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TRIGGER by_hand_insert AFTER INSERT ON %s FOR EACH ROW EXECUTE FUNCTION pgrealtime.capture_change()', relation);
  EXECUTE format('CREATE TRIGGER by_hand_update AFTER UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION pgrealtime.capture_change()', relation);
  EXECUTE format('CREATE TRIGGER by_hand_delete AFTER DELETE ON %s FOR EACH ROW EXECUTE FUNCTION pgrealtime.capture_change()', relation);
  EXECUTE format('CREATE TRIGGER by_hand_truncate AFTER TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION pgrealtime.capture_change()', relation);
END
$$;
\set ECHO all
