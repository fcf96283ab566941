-- that are named as those of enable are, casts to json, operators and casts of types in filters.
-- Code that an ordinary role defined runs with no more rights than its own, whoever reads or writes: WHEN conditions of
-- triggers that have names like those of enable(), casts to json, operators and casts of types in filters.
-- that are named as those of enable are, operators and casts of types in filters. Its casts to json do not run at all.
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE planted_owner;
CREATE ROLE planted_other;
CREATE ROLE planted_reader;
CREATE SCHEMA app AUTHORIZATION planted_owner;
GRANT USAGE, CREATE ON SCHEMA app TO planted_other;
GRANT USAGE ON SCHEMA app TO planted_reader;
SET ROLE planted_owner;
SET search_path = app;
-- Records who runs it, and which rights that role has.
CREATE TABLE trail (place text, who text, super text, restricted text, claims text);
GRANT INSERT ON trail TO PUBLIC;
CREATE FUNCTION plant(place text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE super text; restricted text;
BEGIN
  SELECT rolsuper::text INTO super FROM pg_roles WHERE rolname = current_user;
  BEGIN
    EXECUTE 'SET ROLE postgres'; restricted := 'no';
  EXCEPTION WHEN OTHERS THEN restricted := SQLERRM;
  END;
  INSERT INTO app.trail VALUES (place, current_user, super, restricted, current_setting('request.jwt.claims', true));
  RETURN true;
END $$;
GRANT EXECUTE ON FUNCTION plant TO PUBLIC;
CREATE TABLE t (id int PRIMARY KEY, word text, secret text);
RESET ROLE;
GRANT SELECT ON t TO planted_reader;
\set trail 'SELECT place, who, super, restricted, claims, count(*) FROM trail GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5; DELETE FROM trail'
SET request.jwt.claims = '{"sub": "caller"}';

\echo a trigger named as those of enable, of any function, and of ours
GRANT EXECUTE ON FUNCTION pgrealtime.capture_change() TO planted_owner;
SELECT pgrealtime.enable('t', operations => '{INSERT}', sinks => '{log,wal}');
GRANT EXECUTE ON FUNCTION pgrealtime.capture_change TO planted_owner;
SET ROLE planted_owner;
CREATE TRIGGER "00_pgrealtime_delete" AFTER DELETE ON t FOR EACH ROW WHEN (plant('when ' || OLD.word)) EXECUTE FUNCTION suppress_redundant_updates_trigger();
CREATE TRIGGER "00_pgrealtime_update" AFTER UPDATE ON t FOR EACH ROW WHEN (plant('update') OR plant('when ' || NEW.word)) EXECUTE FUNCTION pgrealtime.capture_change('sinks=wal');
RESET ROLE;
SELECT pgrealtime.current_cursor() AS from \gset
INSERT INTO t VALUES (1, 'a');
SELECT change -> 'record' -> 'id' FROM pgrealtime.changes_since(:'from', '{t}');
SELECT count(*) > 0 FROM pgrealtime.diagnose('t', 'planted_reader', '{}');
:trail;
\echo a writer runs a WHEN as in any trigger, nothing more
UPDATE t SET word = 'b';
:trail;
SET ROLE planted_owner;
DROP TRIGGER "00_pgrealtime_delete" ON t;
DROP TRIGGER "00_pgrealtime_update" ON t;
\echo the row filter is the one that the arguments carry
CREATE TRIGGER hand AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION pgrealtime.capture_change('sinks=wal', 'filter=word=eq.shown');
RESET ROLE;
DELETE FROM t;
SELECT pgrealtime.current_cursor() AS from \gset
INSERT INTO t VALUES (2, 'hidden'), (3, 'shown');
SELECT change -> 'record' -> 'id' FROM pgrealtime.changes_since(:'from', '{t}');
DROP TRIGGER hand ON t;
SELECT pgrealtime.current_cursor() AS from \gset
INSERT INTO t VALUES (12, 'hidden');
SELECT change -> 'record' -> 'id' FROM pgrealtime.changes_since(:'from', '{t}');

\echo the filter of the table itself may read what the reader may not SELECT, and follows RENAME COLUMN
REVOKE SELECT ON t FROM planted_reader;
GRANT SELECT (id, word) ON t TO planted_reader;
SELECT pgrealtime.enable('t', operations => '{INSERT,UPDATE,DELETE}', row_filter => 'secret=eq.shown');
SELECT tgname, regexp_replace(encode(tgargs, 'escape'), 'numbers=.\d+', 'numbers=[N') FROM pg_trigger WHERE tgrelid = 't'::regclass ORDER BY 1;
ALTER TABLE t RENAME secret TO "hidden, too";
SELECT regexp_replace(encode(tgargs, 'escape'), 'numbers=.\d+', 'numbers=[N') FROM pg_trigger WHERE tgrelid = 't'::regclass GROUP BY 1;
SELECT pgrealtime.current_cursor() AS from \gset
INSERT INTO t VALUES (4, 'a', 'shown'), (5, 'a', 'x');
UPDATE t SET "hidden, too" = 'shown' WHERE id = 5;
UPDATE t SET "hidden, too" = 'x' WHERE id = 4;
SET ROLE planted_reader;
SELECT change ->> 'type', change -> 'record', change -> 'old_record' FROM pgrealtime.changes_since(:'from', '{t}') WHERE change IS NOT NULL;
SELECT pgrealtime.check_filter('t', '"hidden, too"=eq.shown');
RESET ROLE;
SELECT pgrealtime.enable('t', row_filter => '');
SELECT regexp_replace(encode(tgargs, 'escape'), 'numbers=.\d+', 'numbers=[N') FROM pg_trigger WHERE tgrelid = 't'::regclass GROUP BY 1;

\echo a filter over types of others runs nothing of theirs, whoever sets it, writes and reads
SET ROLE planted_owner;
CREATE TYPE mood AS ENUM ('happy', 'sad');
CREATE TYPE pair AS (a int, b mood);
CREATE TYPE moods AS RANGE (SUBTYPE = mood);
CREATE DOMAIN feeling AS mood;
CREATE FUNCTION mood_eq(mood, mood) RETURNS boolean LANGUAGE sql AS 'SELECT app.plant(''operator'')';
CREATE FUNCTION mood_text(mood) RETURNS text LANGUAGE sql AS 'SELECT app.plant(''cast'')::text';
CREATE FUNCTION text_mood(text) RETURNS mood LANGUAGE sql AS 'SELECT CASE WHEN app.plant(''cast'') THEN ''sad''::app.mood END';
CREATE OPERATOR = (LEFTARG = mood, RIGHTARG = mood, FUNCTION = mood_eq);
CREATE FUNCTION word_eq(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT app.plant(''operator'')';
CREATE OPERATOR = (LEFTARG = text, RIGHTARG = text, FUNCTION = word_eq);
CREATE CAST (mood AS text) WITH FUNCTION mood_text(mood);
CREATE CAST (text AS mood) WITH FUNCTION text_mood(text);
CREATE TABLE felt (id int PRIMARY KEY, mood mood, many mood[], two pair, span moods, feeling feeling, word varchar(9));
RESET ROLE;
SET search_path = app, pg_catalog;
SELECT pgrealtime.enable('felt', sinks => '{log,wal}', row_filter => 'mood=eq.happy,many=cs.{happy},two=eq."(1,happy)",span=ov."[happy,sad)",feeling=in.(happy,sad),word=like.a%');
SELECT pgrealtime.current_cursor() AS from \gset
INSERT INTO felt VALUES (1, 'happy', '{happy,sad}', '(1,happy)', '[happy,sad]', 'sad', 'abc');
UPDATE felt SET word = 'x';
SELECT change ->> 'type' FROM pgrealtime.changes_since(:'from', '{felt}', 'mood=gte.happy,many=eq."{happy,sad}",two=neq."(2,sad)",feeling=not.in.(happy),word=eq.abc') WHERE change IS NOT NULL;
SELECT count(*) > 0 FROM pgrealtime.diagnose('felt', 'planted_reader', '{}', 'mood=eq.happy');
SET ROLE planted_owner;
DROP CAST (text AS mood);
CREATE CAST (text AS mood) WITH FUNCTION text_mood(text) AS IMPLICIT;
RESET ROLE;
SELECT pgrealtime.check_filter('felt', 'mood=eq.happy');
SELECT change ->> 'type' FROM pgrealtime.changes_since(:'from', '{felt}');
:trail;
SET search_path = app;

\echo a cast to json of an ordinary role runs for nobody
SET ROLE planted_owner;
CREATE FUNCTION mood_json(mood) RETURNS json LANGUAGE sql AS 'SELECT to_json(app.plant(''json''))';
CREATE CAST (mood AS json) WITH FUNCTION mood_json(mood);
RESET ROLE;
GRANT SELECT ON felt TO planted_reader;
SELECT pgrealtime.enable('felt', row_filter => '', sinks => '{log,wal}');
SELECT pgrealtime.current_cursor() AS from \gset
INSERT INTO felt VALUES (2, 'sad', '{sad}', '(1,sad)');
SELECT change -> 'record' -> 'mood', change #> '{record,many}', change #> '{record,two,b}' FROM pgrealtime.changes_since(:'from', '{felt}') WHERE change IS NOT NULL;
SET ROLE planted_reader;
SELECT change -> 'record' -> 'mood' FROM pgrealtime.changes_since(:'from', '{felt}') WHERE change IS NOT NULL;
RESET ROLE;
SELECT pgrealtime.change_message('INSERT', felt, NULL) -> 'record' -> 'mood' FROM felt WHERE id = 2;
SET ROLE planted_owner;
SELECT pgrealtime.change_message('INSERT', felt, NULL) -> 'record' -> 'mood' FROM felt WHERE id = 2;
RESET ROLE;
:trail;
\echo every setting is restored
SELECT current_user = session_user, current_setting('request.jwt.claims'), current_setting('search_path');
DROP EXTENSION pgrealtime CASCADE;
DROP SCHEMA app CASCADE;
DROP ROLE planted_owner, planted_other, planted_reader;
