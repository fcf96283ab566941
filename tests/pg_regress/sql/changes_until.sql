-- changes_since with until: exactly what comes after the one cursor and not after the other, in batches of any size.
CREATE EXTENSION pgrealtime;
CREATE TABLE one (id int PRIMARY KEY);
CREATE TABLE two (id int PRIMARY KEY);
SELECT count(pgrealtime.enable(name::regclass)) FROM unnest('{one,two}'::text[]) AS name;
-- catch_up(cursor, until, size): calls until the end, as a client does. The ids of each batch, and how it ended.
CREATE FUNCTION catch_up(from_cursor text, until text, size int = 1000, net boolean = false) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    before text;
    next text := from_cursor;
    got text;
BEGIN
    LOOP
        before := next;
        SELECT string_agg(concat(change ->> 'type', ' ', coalesce(change #>> '{record,id}', change #>> '{old_record,id}')), ', ' ORDER BY n)
                 FILTER (WHERE change IS NOT NULL),
               max(cursor) FILTER (WHERE change IS NULL)
            INTO got, next
            FROM pgrealtime.changes_since(before, '{one}', max_changes => size, net => net, until => until) WITH ORDINALITY AS c (cursor, change, n);
        RETURN NEXT coalesce(got, '-');
        IF next = before OR next = until THEN
            RETURN NEXT CASE next WHEN until THEN 'at until' WHEN before THEN 'no further' END;
            RETURN;
        END IF;
    END LOOP;
END
$$;
\pset format unaligned
\pset tuples_only on
SELECT pgrealtime.current_cursor() AS a \gset
INSERT INTO one VALUES (1), (2);
INSERT INTO two VALUES (1);
INSERT INTO one VALUES (3);
SELECT pgrealtime.current_cursor() AS b \gset
INSERT INTO one VALUES (4);
DELETE FROM one WHERE id = 1;
SELECT pgrealtime.current_cursor() AS c \gset
SELECT catch_up(:'a', :'b');
SELECT catch_up(:'a', :'b', 1);
SELECT catch_up(:'b', :'c');
SELECT catch_up(:'a', :'c', 2);
SELECT catch_up(:'a', :'c', 1000, true);
SELECT catch_up(:'a', :'b', 1000, true);
-- What comes after `until` comes to whoever goes on without it.
SELECT string_agg(change #>> '{record,id}', ', ') FROM pgrealtime.changes_since(:'b', '{one}');
-- Until is the cursor itself: there is nothing. It is older: whoever went on from it would get changes twice.
SELECT catch_up(:'b', :'b');
\set SHOW_CONTEXT never
SELECT catch_up(:'c', :'a');
-- A reader in the middle of a batch that ends after `until`, before it, and with it.
SELECT cursor AS middle FROM pgrealtime.changes_since(:'a', '{one}', max_changes => 1) WHERE change IS NULL \gset
SELECT catch_up(:'middle', :'b');
SELECT catch_up(:'middle', :'b', 1);
SELECT catch_up(:'middle', :'c', 1);
SELECT pgrealtime.current_cursor() AS d \gset
INSERT INTO one VALUES (5);
SELECT pgrealtime.current_cursor() AS e \gset
SELECT catch_up(:'middle', :'e');
-- It had read more than `until` has.
SELECT cursor AS further FROM pgrealtime.changes_since(:'a', '{one}', max_changes => 4) WHERE change IS NULL \gset
SELECT catch_up(:'further', :'b');
-- Until is in the middle of a batch: of one that the reader begins, of the one that he is in, of a later one.
SELECT cursor AS third FROM pgrealtime.changes_since(:'a', '{one}') OFFSET 2 LIMIT 1 \gset
SELECT catch_up(:'a', :'third');
SELECT cursor AS first FROM pgrealtime.changes_since(:'a', '{one}') LIMIT 1 \gset
SELECT catch_up(:'a', :'first');
SELECT cursor AS last FROM pgrealtime.changes_since(:'c', '{one}') LIMIT 1 \gset
SELECT catch_up(:'a', :'last', 2);
SELECT catch_up(:'last', :'third');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT cursor AS one_of FROM pgrealtime.changes_since(:'a', '{one}') LIMIT 1 \gset
SELECT cursor AS other_of FROM pgrealtime.changes_since(:'a', '{one}') OFFSET 3 LIMIT 1 \gset
SELECT catch_up(:'one_of', :'other_of');
SELECT catch_up(:'other_of', :'one_of');
COMMIT;
SELECT catch_up(:'middle', :'third');
-- NULL is no limit.
SELECT catch_up(:'a', NULL);
-- A gap stands in the way of those whose range holds it, and of nobody else.
SELECT pgrealtime.enable('one', payload => 'key');
SELECT catch_up(:'c', :'e');
SELECT pgrealtime.current_cursor() AS f \gset
SELECT catch_up(:'c', :'f');
-- What `until` may be.
SELECT pgrealtime.changes_since(:'f', '{one}', until => '');
SELECT pgrealtime.changes_since(:'f', '{one}', until => 'no cursor');
SELECT pgrealtime.invalidate_cursors();
SELECT pgrealtime.current_cursor() AS g \gset
SELECT pgrealtime.changes_since(:'g', '{one}', until => :'f');
SELECT pgrealtime.changes_since(:'f', '{one}', until => :'g');
-- A statement that does not see as much as `until` is told so: "nothing" would mean that it has come so far. A
-- transaction that was running when `until` was taken is not in it, although its changes come before others that are.
\setenv PGDATABASE :DBNAME
BEGIN ISOLATION LEVEL REPEATABLE READ;
INSERT INTO one VALUES (6);
\! psql -qX -c "INSERT INTO one VALUES (7)" -c "CREATE TABLE taken AS SELECT pgrealtime.current_cursor() AS h"
SELECT count(*) FROM one WHERE id = 7;
\set h `psql -qXAt -c "SELECT h FROM taken"`
SAVEPOINT s;
SELECT pgrealtime.changes_since(:'g', '{one}', until => :'h');
ROLLBACK TO s;
-- Its own cursor is behind the others' position, and yet does not include what they have committed.
\set k `psql -qXAt -c "SELECT pgrealtime.current_cursor()"`
SELECT pgrealtime.current_cursor() AS l \gset
COMMIT;
SELECT catch_up(:'k', :'l');
SELECT catch_up(:'g', :'h');
SELECT pgrealtime.current_cursor() AS i \gset
SELECT catch_up(:'h', :'i');
