-- A column that got another storage and was then dropped: readers under policies still get the other columns of old images.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE TABLE t (id int PRIMARY KEY, a int, b text);
CREATE TABLE u (id int PRIMARY KEY, a text, b text);
SELECT pgrealtime.enable('t'), pgrealtime.enable('u');
SELECT pgrealtime.current_cursor() AS c \gset
-- Nobody writes the gap that sends readers back to the table before they come to such an image.
ALTER EVENT TRIGGER pgrealtime_rewrite DISABLE;
ALTER EVENT TRIGGER pgrealtime_ddl_end DISABLE;
INSERT INTO t VALUES (1, 5, 'x'), (2, 6, 'y');
INSERT INTO u VALUES (1, 'five', 'x'), (2, 'six', 'y');
UPDATE t SET a = 7;
ALTER TABLE t ALTER a TYPE text;
ALTER TABLE t DROP a;
ALTER TABLE u ALTER a TYPE int USING 1;
ALTER TABLE u DROP a;
DELETE FROM t WHERE id = 1;
\set changes 'SELECT change->>''type'' AS type, change->>''record'' AS record, change->>''old_record'' AS old_record FROM pgrealtime.changes_since(:''c'', :''of'', ''b=eq.x'') WHERE change IS NOT NULL;'
\set of {t}
:changes
\set of {u}
:changes
