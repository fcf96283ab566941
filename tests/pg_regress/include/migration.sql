\set ECHO none
-- :demo makes the tables of the demo application; :up and :down are the migration that makes them realtime, and its reverse.
\set demo `cat "$PG_ABS_SRCDIR"/../../demo/schema.sql`
\set up `cat "$PG_ABS_SRCDIR"/../../sql/migrations/20250109000003_enable_realtime.sql`
\set down `cat "$PG_ABS_SRCDIR"/../../sql/migrations/20250109000003_enable_realtime.down.sql`
\set ECHO all
