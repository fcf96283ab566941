\set ECHO none
-- realtime.messages: what the sink broadcast fills of Supabase's table, which sinks.sql has whole.
CREATE SCHEMA realtime;
CREATE TABLE realtime.messages (topic text NOT NULL, extension text NOT NULL, payload jsonb, event text, private boolean);
\set ECHO all
