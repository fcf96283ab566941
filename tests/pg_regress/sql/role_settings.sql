-- What follows SET ROLE, the settings role and is_superuser, is the reader's where work is done as the reader.
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE role_settings_reader;
CREATE FUNCTION uid() RETURNS text LANGUAGE sql STABLE AS $$ SELECT current_setting('request.jwt.claims', true)::jsonb ->> 'sub' $$;
CREATE FUNCTION seen_as() RETURNS text LANGUAGE plpgsql STABLE AS
  $$BEGIN RETURN current_setting('role') || ' ' || current_setting('is_superuser') || ' ' || current_user; END$$;
CREATE TABLE by_superuser (id int PRIMARY KEY, owner text);
CREATE TABLE by_role (id int PRIMARY KEY, owner text);
CREATE TABLE by_function (id int PRIMARY KEY, owner text);
CREATE POLICY p ON by_superuser USING (current_setting('is_superuser') = 'on' OR owner = uid());
CREATE POLICY p ON by_role USING (current_setting('role') <> 'role_settings_reader' OR owner = uid());
CREATE POLICY p ON by_function USING (seen_as() <> 'role_settings_reader off role_settings_reader' OR owner = uid());
ALTER TABLE by_superuser ENABLE ROW LEVEL SECURITY;
ALTER TABLE by_role ENABLE ROW LEVEL SECURITY;
ALTER TABLE by_function ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON by_superuser, by_role, by_function TO role_settings_reader;
SELECT pgrealtime.enable('by_superuser'), pgrealtime.enable('by_role'), pgrealtime.enable('by_function');
\pset format unaligned
\pset tuples_only on
SELECT pgrealtime.current_cursor() AS c \gset
SELECT subscription FROM unnest('{by_superuser,by_role,by_function}'::regclass[]) AS relation,
  pgrealtime.subscribe(relation, role_name => 'role_settings_reader', claims => '{"sub": "a"}');
INSERT INTO by_superuser VALUES (1, 'a'), (2, 'b');
INSERT INTO by_role VALUES (1, 'a'), (2, 'b');
INSERT INTO by_function VALUES (1, 'a'), (2, 'b');
-- Each has the row of a, and nothing of b.
SELECT change ->> 'table', change -> 'record' ->> 'owner', subscriptions, error FROM pgrealtime.fan_out(:'c');
SET pgrealtime.share_policies = off;
SELECT change ->> 'table', change -> 'record' ->> 'owner', subscriptions, error FROM pgrealtime.fan_out(:'c');
RESET pgrealtime.share_policies;
SELECT relation, pgrealtime.is_row_allowed(relation, 'SELECT', '{"id": 1, "owner": "b"}', 'role_settings_reader', '{"sub": "a"}')
FROM unnest('{by_superuser,by_role,by_function}'::regclass[]) AS relation;
-- The session has its own again.
SELECT seen_as();
SET ROLE role_settings_reader;
SELECT seen_as();
SET request.jwt.claims = '{"sub": "a"}';
SELECT change ->> 'table', change -> 'record' ->> 'owner' FROM pgrealtime.changes_since(:'c', '{by_superuser,by_role,by_function}');
SELECT seen_as();
RESET ROLE;
-- Also after an error, which is caught or not.
CREATE TABLE raises (id int PRIMARY KEY);
CREATE POLICY p ON raises USING (1 / (id - 1) = 1);
ALTER TABLE raises ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON raises TO role_settings_reader;
SELECT pgrealtime.is_row_allowed('raises', 'SELECT', '{"id": 1}', 'role_settings_reader', '{}');
SELECT seen_as();
DO $$BEGIN
  PERFORM pgrealtime.is_row_allowed('raises', 'SELECT', '{"id": 1}', 'role_settings_reader', '{}');
EXCEPTION WHEN OTHERS THEN RAISE INFO '%: %', SQLSTATE, seen_as();
END$$;
SELECT seen_as();
-- Code that Postgres confines may not use what the session's user may: SET ROLE is refused there, too.
CREATE ROLE role_settings_planter;
GRANT EXECUTE ON FUNCTION pgrealtime.is_row_allowed, pgrealtime.subscribe, pgrealtime.resubscribe, pgrealtime.unsubscribe, pgrealtime.fan_out TO role_settings_planter;
GRANT CREATE ON SCHEMA public TO role_settings_planter;
SET ROLE role_settings_planter;
CREATE FUNCTION tried(command text) RETURNS void LANGUAGE plpgsql AS $$BEGIN
  EXECUTE command;
  RAISE INFO '%: done', command;
EXCEPTION WHEN OTHERS THEN RAISE INFO '%: % %', command, SQLSTATE, SQLERRM;
END$$;
CREATE FUNCTION planted() RETURNS int LANGUAGE plpgsql AS $$BEGIN
  IF session_user = 'role_settings_planter' OR current_user <> 'role_settings_planter' THEN RETURN 1; END IF;
  PERFORM public.tried(command) FROM unnest(ARRAY[
    'SET ROLE role_settings_reader',
    $q$SELECT pgrealtime.is_row_allowed('public.raises', 'SELECT', '{"id": 3}', 'role_settings_reader')$q$,
    $q$SELECT pgrealtime.subscribe('public.raises', role_name => 'role_settings_reader')$q$,
    $q$SELECT pgrealtime.resubscribe(1, 'role_settings_reader')$q$,
    $q$SELECT pgrealtime.unsubscribe('{1}')$q$,
    $q$SELECT pgrealtime.fan_out('c')$q$]) AS command;
  RETURN 1;
END$$;
CREATE FUNCTION planted_definer() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT public.planted()';
CREATE FUNCTION planted_index(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RETURN public.planted(); END$$;
CREATE TABLE indexed (id int);
INSERT INTO indexed VALUES (1);
RESET ROLE;
SELECT planted_definer();
CREATE INDEX ON indexed (planted_index(id));
SELECT subscriptions FROM pgrealtime.fan_out(:'c') WHERE change IS NOT NULL;
DROP OWNED BY role_settings_planter;
DROP ROLE role_settings_planter;
DROP OWNED BY role_settings_reader;
DROP ROLE role_settings_reader;
