-- A key that is given up and taken again in another spelling is the same key: numeric 3 and 3.0, citext, -0.0.
SET client_min_messages = warning;
\set VERBOSITY terse
CREATE EXTENSION pgrealtime;
CREATE TABLE n (id numeric PRIMARY KEY, v int);
CREATE TABLE fl (id float8 PRIMARY KEY, v int);
CREATE TABLE b (id bpchar PRIMARY KEY, v int);
CREATE TABLE iv (id interval PRIMARY KEY, v int);
CREATE TABLE u (a text, id numeric, v int, PRIMARY KEY (a, id));
CREATE TABLE j (id jsonb PRIMARY KEY, v int);
SELECT pgrealtime.enable(r) FROM unnest('{n,fl,b,iv,u,j}'::regclass[]) AS r;
INSERT INTO n VALUES (3, 0), (4, 0);
INSERT INTO fl VALUES (0, 0);
INSERT INTO b VALUES ('a', 0);
INSERT INTO iv VALUES ('1 day', 0);
INSERT INTO u VALUES ('a', 3, 0);
INSERT INTO j VALUES ('{"a":1}', 0);
CREATE FUNCTION ins(r text, k text) RETURNS int LANGUAGE plpgsql AS $$
  BEGIN EXECUTE format('INSERT INTO %I VALUES (%s, 1)', r, k); RETURN 1; END $$;
\pset format unaligned
\pset tuples_only on
SELECT pgrealtime.current_cursor() AS c \gset
WITH g AS (DELETE FROM n WHERE id = 3 RETURNING 1) SELECT ins('n', '3.0') FROM g;
WITH g AS (UPDATE n SET id = 40 WHERE id = 4 RETURNING 1) SELECT ins('n', '4.00') FROM g;
WITH g AS (DELETE FROM fl RETURNING 1) SELECT ins('fl', '''-0''') FROM g;
WITH g AS (DELETE FROM b RETURNING 1) SELECT ins('b', '''a  ''') FROM g;
WITH g AS (DELETE FROM iv RETURNING 1) SELECT ins('iv', '''24 h''') FROM g;
WITH g AS (DELETE FROM u RETURNING 1) SELECT ins('u', '''a'', 3.000') FROM g;
\set changes 'SELECT change ->> ''type'', change -> ''old_record'', change -> ''record'' FROM pgrealtime.changes_since(:''c'', ARRAY[:''t'']::regclass[]) WHERE change IS NOT NULL;'
\set t n
:changes
\set t fl
:changes
\set t b
:changes
\set t iv
:changes
\set t u
:changes
-- A type without a canonical form: a gap, never the wrong order.
WITH g AS (DELETE FROM j RETURNING 1) SELECT ins('j', '''{"a": 1.0}''') FROM g;
\set t j
:changes
SELECT gaps FROM pgrealtime.log_status;
-- A table that is gone while messages of it are counted as undelivered.
CREATE SCHEMA realtime;
CREATE TABLE realtime.messages (payload jsonb, event text, topic text, private boolean CHECK (private IS NULL), extension text);
CREATE TABLE gone (id int PRIMARY KEY);
SELECT pgrealtime.enable('gone', sinks => '{log,broadcast}', broadcast_topic => 'all');
SET client_min_messages = error;
INSERT INTO gone VALUES (1);
SELECT undelivered FROM pgrealtime.log_status;
DROP TABLE gone;
SELECT undelivered FROM pgrealtime.log_status;
