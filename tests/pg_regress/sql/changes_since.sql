-- The arguments of changes_since and current_cursor: what is refused, with which SQLSTATE, and what is allowed.
CREATE EXTENSION pgrealtime;
CREATE TABLE a (id int PRIMARY KEY, v text);
CREATE TABLE "B c" (v text);
CREATE VIEW w AS SELECT * FROM a;
\getenv srcdir PG_ABS_SRCDIR
\i :srcdir/include/capture_by_hand.sql
SELECT capture('a'), capture('"B c"');
-- The result of a call, without what differs from run to run; an error is shown as SQLSTATE, message and hint.
CREATE FUNCTION told(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text; message text; hint text;
BEGIN
    EXECUTE format('SELECT string_agg(coalesce(concat_ws('' '', change->>''type'', change->>''table'', change->''old_record'', change->''record''), ''-''), E''\n'') FROM %s', call)
        INTO result;
    RETURN result;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(E'\n', SQLSTATE || ': ' || message, nullif(hint, ''));
END
$$;
\pset format unaligned
\pset tuples_only on
SELECT pgrealtime.current_cursor() AS cursor \gset
SELECT length(:'cursor') BETWEEN 20 AND 200, :'cursor' ~ '^[A-Za-z0-9_-]+$';
SELECT provolatile, proparallel, proisstrict FROM pg_proc WHERE oid = 'pgrealtime.current_cursor'::regproc;
INSERT INTO a VALUES (1, 'one');
INSERT INTO "B c" VALUES ('two');
UPDATE a SET v = 'three';
DELETE FROM a;
TRUNCATE a;
CREATE FUNCTION since(arguments text) RETURNS text LANGUAGE sql AS $$ SELECT told('pgrealtime.changes_since(' || arguments || ')') $$;

-- The cursor.
SELECT since($$NULL, '{a}'$$);
SELECT since($$'', '{a}'$$);
SELECT since($$'no cursor', '{a}'$$);

-- The relations.
SELECT since(quote_literal(:'cursor') || $$, NULL$$);
SELECT since(quote_literal(:'cursor') || $$, '{}'$$);
SELECT since(quote_literal(:'cursor') || $$, '{NULL}'$$);
SELECT since(quote_literal(:'cursor') || $$, '{nothing}'$$);
SELECT since(quote_literal(:'cursor') || $$, '{w}'$$);
SELECT since(quote_literal(:'cursor') || $$, '{pg_class}'$$);
SELECT since(quote_literal(:'cursor') || $$, '{4294967295}'$$);
SELECT since(quote_literal(:'cursor') || $$, '{a}'$$);
SELECT since(quote_literal(:'cursor') || $$, '{a,a}'$$);
SELECT since(quote_literal(:'cursor') || $$, array['a', '"B c"']::regclass[]$$);
CREATE TABLE bare (id int);
SELECT since(quote_literal(:'cursor') || $$, '{bare}'$$);

-- The events.
SELECT since(quote_literal(:'cursor') || $$, '{a}', events => '{UPDATE,truncate}'$$);
SELECT since(quote_literal(:'cursor') || $$, '{a}', events => '{}'$$);
SELECT since(quote_literal(:'cursor') || $$, '{a}', events => '{*}'$$);
SELECT since(quote_literal(:'cursor') || $$, '{a}', events => '{MERGE}'$$);
SELECT since(quote_literal(:'cursor') || $$, '{a}', events => '{NULL}'$$);

-- The size of a batch.
SELECT since(quote_literal(:'cursor') || $$, '{a}', max_changes => 0$$);
SELECT since(quote_literal(:'cursor') || $$, '{a}', max_changes => -1$$);
SELECT since(quote_literal(:'cursor') || $$, '{a}', max_changes => 100001$$);
SELECT since(quote_literal(:'cursor') || $$, '{a}', max_changes => NULL$$);
SELECT since(quote_literal(:'cursor') || $$, '{a}', max_changes => 2$$);
SELECT since(quote_literal(:'cursor') || $$, '{a}', max_changes => 100000$$);

-- Net changes.
SELECT since(quote_literal(:'cursor') || $$, '{a}', net => true$$);
SELECT since(quote_literal(:'cursor') || $$, array['"B c"']::regclass[], net => true$$);
SELECT since(quote_literal(:'cursor') || $$, '{a}', net => NULL$$);

-- Rows that exchange their keys: by way of a third value, or at once where the key is deferrable. A deferrable key is not
-- used: for a moment two rows share it, so it cannot tell their changes apart.
CREATE TABLE swapped (id int PRIMARY KEY, v text);
CREATE TABLE at_once (id int PRIMARY KEY DEFERRABLE, v text);
ALTER TABLE at_once REPLICA IDENTITY FULL;
SELECT capture('swapped'), capture('at_once');
INSERT INTO swapped VALUES (1, 'one'), (2, 'two');
INSERT INTO at_once VALUES (1, 'one'), (2, 'two');
SELECT pgrealtime.current_cursor() AS swap \gset
UPDATE swapped SET id = 3 WHERE id = 1;
UPDATE swapped SET id = 1 WHERE id = 2;
UPDATE swapped SET id = 2 WHERE id = 3;
UPDATE at_once SET id = 3 - id;
SELECT since(quote_literal(:'swap') || $$, '{swapped}', net => true$$);
SELECT since(quote_literal(:'swap') || $$, '{swapped}', net => true, max_changes => 1$$);
SELECT since(quote_literal(:'swap') || $$, '{at_once}'$$);
SELECT since(quote_literal(:'swap') || $$, '{at_once}', columns => '{v}'$$);
SELECT since(quote_literal(:'swap') || $$, '{at_once}', net => true$$);

-- A filter and columns need one relation.
SELECT since(quote_literal(:'cursor') || $$, array['a', '"B c"']::regclass[], filter => 'v=eq.one'$$);
SELECT since(quote_literal(:'cursor') || $$, array['a', '"B c"']::regclass[], columns => '{v}'$$);
SELECT since(quote_literal(:'cursor') || $$, '{a}', filter => ' '$$);
SELECT since(quote_literal(:'cursor') || $$, '{a}', columns => '{}'$$);

-- A role that may not read the table.
CREATE ROLE regress_changes_since;
SET ROLE regress_changes_since;
SELECT since(quote_literal(:'cursor') || $$, '{a}'$$);
RESET ROLE;
DROP ROLE regress_changes_since;

-- The last row holds only the cursor to continue from.
SELECT cursor AS next FROM pgrealtime.changes_since(:'cursor', '{a}') OFFSET 4 \gset
SELECT cursor <> '', change IS NULL FROM pgrealtime.changes_since(:'next', '{a}');
