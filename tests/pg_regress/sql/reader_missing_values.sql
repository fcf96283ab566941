-- A message names the values that it lacks in its errors, with policies and without. A change without its key becomes a gap.
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE missing_reader;
\getenv srcdir PG_ABS_SRCDIR
\i :srcdir/include/reader.sql
CREATE TABLE notes (id varchar(20) PRIMARY KEY, org int, title varchar(40), body text, "say ""what""" text);
GRANT SELECT ON notes TO missing_reader;
SELECT pgrealtime.enable('notes');
\pset format unaligned
\pset tuples_only on

\echo too large
SET pgrealtime.max_image_bytes = '64kB';
SELECT pgrealtime.current_cursor() AS c \gset
INSERT INTO notes VALUES ('a', 1, 'short', 'short');
INSERT INTO notes VALUES ('b', 1, 'long', long(), long());
UPDATE notes SET body = 'short', "say ""what""" = NULL WHERE id = 'b';
UPDATE notes SET body = long() WHERE id = 'b';
DELETE FROM notes WHERE id = 'b';
SET ROLE missing_reader;
SELECT * FROM public.feed(:'c', 'notes');
\echo of the columns that are asked for
SELECT * FROM public.feed(:'c', 'notes', columns => '{title}');
RESET ROLE;
\echo and a message that is too large as well
SET pgrealtime.max_record_bytes = '1kB';
SET pgrealtime.max_image_bytes = '64kB';
ALTER TABLE notes ADD COLUMN more text;
SELECT pgrealtime.current_cursor() AS later \gset
INSERT INTO notes (id, body, more) VALUES ('c', long(), repeat('x', 2000));
SET ROLE missing_reader;
SELECT * FROM public.feed(:'later', 'notes');
RESET ROLE;
RESET pgrealtime.max_record_bytes;
RESET pgrealtime.max_image_bytes;

\echo added and retyped since
SELECT pgrealtime.current_cursor() AS c \gset
INSERT INTO notes VALUES ('d', 1, 'retyped');
UPDATE notes SET org = 2 WHERE id = 'd';
-- Without the gap that sends readers back to the table before they come to such an image.
ALTER EVENT TRIGGER pgrealtime_ddl_end DISABLE;
ALTER TABLE notes ALTER COLUMN title TYPE text, ADD COLUMN added int;
ALTER EVENT TRIGGER pgrealtime_ddl_end ENABLE ALWAYS;
INSERT INTO notes VALUES ('e', 1, 'whole');
SET ROLE missing_reader;
SELECT * FROM public.feed(:'c', 'notes');
RESET ROLE;
\echo under policies it is the same
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY org ON notes USING (org = 1);
SET ROLE missing_reader;
SELECT * FROM public.feed(:'c', 'notes');
SELECT * FROM public.feed(:'c', 'notes', 'title=eq.whole');
RESET ROLE;

\echo the key
SELECT pgrealtime.current_cursor() AS c \gset
INSERT INTO notes VALUES ('f', 2, 'not ours');
-- Without the gap that sends readers back to the table before they come to such an image.
ALTER EVENT TRIGGER pgrealtime_ddl_end DISABLE;
ALTER TABLE notes ALTER COLUMN id TYPE text;
ALTER EVENT TRIGGER pgrealtime_ddl_end ENABLE ALWAYS;
SET ROLE missing_reader;
SELECT * FROM public.feed(:'c', 'notes');
RESET ROLE;
ALTER TABLE notes DISABLE ROW LEVEL SECURITY;
SET ROLE missing_reader;
SELECT * FROM public.feed(:'c', 'notes');
SELECT * FROM public.feed(:'c', 'notes', 'org=eq.1');
RESET ROLE;
SELECT * FROM public.feed(:'c', 'notes');
DROP SCHEMA app CASCADE;
DROP FUNCTION public.feed;
DROP ROLE missing_reader;
