#!/usr/bin/env bash
# What goes on behind the demo: the gateway, and a writer that changes something every half second. `start` needs the
# demo's cluster (PGHOST, PGPORT, PGUSER) and prints a link for each of two users; `stop` ends both.
# Usage: demo/background.sh start | stop
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../.ci/env"
. "$root/demo/users.sh"
work=$place/demo

# Starts a program that outlives this script, in a session of its own, and notes its id.
detach() {
  local name=$1
  shift
  setsid "$@" </dev/null >"$work/$name.log" 2>&1 &
  echo $! >"$work/$name.pid"
}

# Whether a noted process is there, and still the one that was started.
runs() {
  [ -e "$work/$1.pid" ] && tr '\0' ' ' <"/proc/$(cat "$work/$1.pid")/cmdline" 2>/dev/null | grep -q "$2"
}

stop_one() {
  local pid
  if runs "$1" "$2"; then
    pid=$(cat "$work/$1.pid")
    kill -TERM -- "-$pid" 2>/dev/null || true
    while runs "$1" "$2"; do sleep 0.05; done
  fi
  rm -f "$work/$1.pid"
}

stop() {
  [ -d "$work" ] || return 0
  stop_one writer background.sh
  stop_one gateway pgrealtime-gateway
  rm -rf "$work"
}

# One transaction every half second; the database's end is the writer's.
write() {
  local step
  for ((step = 1000; ; step++)); do
    echo "SELECT app.demo_step($step);"
    sleep 0.5
  done | psql -X -q -A -t -d demo
}

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# The first of two ports that nobody listens at; the second one is for /ready and /metrics.
free_port() {
  local port first=${DEMO_PORT:-4000}
  for port in $(seq "$first" 2 $((first + 18))); do
    if ! answers "$port" && ! answers $((port + 1)); then
      echo "$port"
      return
    fi
  done
  die "the ports $first to $((first + 19)) are in use; set DEMO_PORT to another one"
}

is_ready() {
  (exec 3<>"/dev/tcp/127.0.0.1/$1" && printf 'GET /ready HTTP/1.0\r\n\r\n' >&3 && IFS= read -r line <&3 &&
    [[ $line == *' 200 '* ]]) 2>/dev/null
}

token() { psql -X -q -A -t -v ON_ERROR_STOP=1 -d demo -v secret="$secret" -v claims="$1" -f demo/token.sql; }

link() { printf '  %s  http://127.0.0.1:%s/#title=%s&table=*&token=%s\n\n' "$1" "$port" "$1" "$(token "$2")"; }

start() {
  cd "$root"
  mkdir -p "$work"
  local secret port at="host=$PGHOST port=$PGPORT dbname=demo" run=()
  # As root, the gateway runs as the server does; that user need not be able to read the build directory.
  if is_root; then run=(runuser -u "$server_user" --); fi
  install -m 755 "${CARGO_TARGET_DIR:-target}/release/pgrealtime-gateway" "$work/pgrealtime-gateway"
  "$work/pgrealtime-gateway" setup --run --db-uri "$at user=$PGUSER" >"$work/setup.log" ||
    die "the database could not be prepared for the gateway"
  secret=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
  port=$(free_port)
  PGREALTIME_JWT_SECRET=$secret detach gateway "${run[@]}" "$work/pgrealtime-gateway" \
    --db-uri "$at user=pgrealtime_gateway" --drain-seconds 0 \
    --listen "127.0.0.1:$port" --admin-listen "127.0.0.1:$((port + 1))"
  until is_ready $((port + 1)); do
    runs gateway pgrealtime-gateway || { cat "$work/gateway.log" >&2; die "the gateway does not start"; }
    sleep 0.1
  done
  detach writer "$root/demo/background.sh" write
  printf '\nTwo users of two tenants, each with the changes that he may see. Open both links, side by side:\n\n'
  link aurore "$aurore"
  link cobalt "$cobalt"
}

case ${1:-} in
  start | stop | write) "$1" ;;
  *) die "see the head of demo/background.sh" ;;
esac
