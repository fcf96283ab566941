-- What the writers write and the clients read.
SET client_min_messages = error;
CREATE EXTENSION pgrealtime;

CREATE FUNCTION team() RETURNS integer LANGUAGE sql STABLE
  AS $$ SELECT (current_setting('request.jwt.claims', true)::jsonb ->> 'team')::integer $$;

-- `number` and `stamp` are how a client knows which row it has received, and how late.
CREATE TABLE shown (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  team integer NOT NULL,
  number bigint NOT NULL,
  stamp bigint NOT NULL,
  title text NOT NULL,
  status text NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE watched (LIKE shown INCLUDING ALL);
ALTER TABLE watched ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON watched USING (team = (SELECT team()));
SELECT pgrealtime.enable('shown'), pgrealtime.enable('watched');

CREATE ROLE bench_reader NOLOGIN;
GRANT SELECT ON shown, watched TO bench_reader;
CREATE ROLE bench_gateway LOGIN NOINHERIT;
GRANT bench_reader TO bench_gateway;
GRANT EXECUTE ON FUNCTION pgrealtime.subscribe, pgrealtime.resubscribe, pgrealtime.unsubscribe, pgrealtime.fan_out,
  pgrealtime.wait_for_changes, pgrealtime.is_row_allowed TO bench_gateway;
GRANT EXECUTE ON PROCEDURE pgrealtime.wait TO bench_gateway;
