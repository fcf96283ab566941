#!/usr/bin/env bash
# The demo: a cluster of its own with the demo application, its tables made realtime by the migration, what two users
# see of that, and the gateway beside it with a page for each of them. Installs and builds what is missing. Run it as
# `make demo`; `make demo-stop` ends all of it.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../.ci/env"
cd "$root"

# ---- a running server with the extension ----

demo/background.sh stop
.ci/prepare
.ci/install release "$(server_bin pg-release)/pg_config"
say "building the gateway (minutes when it is the first time)"
cargo build --quiet --locked --release -p pgrealtime-gateway
if .ci/cluster running demo; then
  say "the demo's cluster runs already"
else
  say "starting a cluster in $place/run/demo"
  .ci/cluster start demo pg-release
fi
eval "$(.ci/cluster env demo)"

# ---- the application ----

run() { psql -X -q -v ON_ERROR_STOP=1 -d demo "$@"; }

say "making the database demo: 17 tables of three organisations, a few thousand rows"
PGOPTIONS='-c client_min_messages=warning' dropdb --if-exists --force demo
createdb -T template0 -E UTF8 demo
PGOPTIONS='-c client_min_messages=warning' run -f demo/schema.sql -f demo/data.sql -f demo/writer.sql >/dev/null

say "sql/migrations/20250109000003_enable_realtime.sql makes the 17 tables realtime"
run -f sql/migrations/20250109000003_enable_realtime.sql

# ---- what two users see ----

for role in authenticated anon; do
  echo
  say "as $role"
  run -P pager=off -P footer=off -v role="$role" <<'SQL'
SET ROLE :"role";
\set ECHO queries
SELECT * FROM public.realtime_configuration;
SELECT public.is_realtime_enabled('goals');
SELECT * FROM public.get_user_realtime_tables();
SQL
done

# ---- the change feed ----

echo
say "two tenants, aurore and cobalt, follow every table while a writer works: each receives what it may see"
demo/live.sh

# ---- the gateway, and what next ----

echo
say "starting the gateway, and a writer that goes on working"
demo/background.sh start

cat <<END

To go on exploring:
  $(command -v psql) -h $PGHOST -p $PGPORT -U postgres demo
To end the demo:
  make demo-stop
END
