#!/usr/bin/env bash
# Two tenants follow the demo's tables while a writer works: what each receives is the delta of its own SELECT.
# Sourced settings of the cluster (PGHOST, PGPORT) are expected; STEPS (default 60) says how long the writer works.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/users.sh"
steps=${STEPS:-60}
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
run() { psql -X -q -A -t -v ON_ERROR_STOP=1 -d demo "$@"; }

tables=$(run -c "SELECT array_agg(format('%I.%I', schemaname, tablename)::regclass) FROM pgrealtime.realtime_configuration WHERE status = 'ok'")

# A relay: it waits with its own rights, then reads as the tenant's user, with the user's claims.
follow() {
  local name=$1 claims=$2 cursor rows
  cursor=$(run -c 'SELECT pgrealtime.current_cursor()')
  touch "$work/$name.ready"
  while :; do
    rows=$(run -F $'\t' -v cursor="$cursor" -v claims="$claims" -v tables="$tables" -v name="$name" <<'SQL'
SELECT pgrealtime.wait_for_changes(:'cursor', :'tables', '500 ms') AS more \gset
BEGIN;
SELECT set_config('request.jwt.claims', :'claims', true) AS claims \gset
SET LOCAL ROLE authenticated;
SELECT c.cursor, format('%-8s %-9s %-22s %s', :'name', c.change->>'type', c.change->>'table',
       left(coalesce(row->>'title', row->>'full_name', row->>'summary', row->>'content', row->>'name', row->>'id'), 60))
FROM pgrealtime.changes_since(:'cursor', :'tables') AS c,
     LATERAL (SELECT coalesce(c.change->'record', c.change->'old_record') AS row) AS r;
COMMIT;
SQL
)
    cursor=$(tail -n 1 <<<"$rows" | cut -f 1)
    head -n -1 <<<"$rows" | cut -f 2
    # The writer has ended, and this batch was begun after that: there is nothing left to read.
    if [ -e "$work/$name.last" ]; then break; fi
    if [ -e "$work/done" ]; then touch "$work/$name.last"; fi
  done
}

follow aurore "$aurore" &
follow cobalt "$cobalt" &
until [ -e "$work/aurore.ready" ] && [ -e "$work/cobalt.ready" ]; do sleep 0.05; done

# One connection, one transaction a step; the pauses are for whoever watches.
for step in $(seq 1 "$steps"); do
  printf "SELECT format('writer   step %%s of $steps: %%s', $step, app.demo_step($step));\n\\! sleep 0.1\n"
done | run
touch "$work/done"
wait
