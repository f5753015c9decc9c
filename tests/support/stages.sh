# Shared by ./test: stages that are timed and counted, and a PostgreSQL of our own.
stages_failed=0
passed=0
failed=0
summary=""
logs=$(mktemp -d)
postgres_dir=""
redis_pid=""

# stage NAME COMMAND...: runs it, keeps its output, adds up what its test runners counted.
stage() {
  local name=$1 log="$logs/${1// /-}.log" began=$SECONDS status=0
  shift
  echo "== $name: $*"
  "$@" >"$log" 2>&1 || status=$?
  local good bad
  read -r good bad < <(python3 tests/support/count.py "$log")
  passed=$((passed + good))
  failed=$((failed + bad))
  local verdict=ok
  if [ "$status" -ne 0 ]; then
    verdict=FAILED
    stages_failed=$((stages_failed + 1))
    if [ "$bad" -eq 0 ]; then failed=$((failed + 1)); fi
    tail -n 150 "$log"
  fi
  local line
  line=$(printf '%-10s %-7s %4d s  %5d passed' "$name" "$verdict" $((SECONDS - began)) "$good")
  summary+="$line"$'\n'
  echo "$line"
}

# PostgreSQL does not run as root, so root lends it to the account of its package.
as_postgres() {
  if [ "$(id -u)" -eq 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

start_postgres() {
  local bin=/usr/lib/postgresql/15/bin port
  postgres_dir=$(mktemp -d)
  chmod 755 "$postgres_dir"
  if [ "$(id -u)" -eq 0 ]; then chown postgres "$postgres_dir"; fi
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); \
print(s.getsockname()[1])')
  as_postgres "$bin/initdb" -D "$postgres_dir/data" -A trust -U postgres >/dev/null
  as_postgres "$bin/pg_ctl" -D "$postgres_dir/data" -l "$postgres_dir/log" -w start \
    -o "-p $port -k $postgres_dir -c listen_addresses=127.0.0.1 -c max_connections=200" >/dev/null
  export BACKPLANE_TEST_POSTGRES="postgres://postgres@127.0.0.1:$port/postgres"
  trap stop_stores EXIT
}

stop_postgres() {
  as_postgres /usr/lib/postgresql/15/bin/pg_ctl -D "$postgres_dir/data" -m immediate stop \
    >/dev/null 2>&1 || true
  rm -rf "$postgres_dir" "$logs"
}

# A Redis of our own on a free port, which keeps nothing.
start_redis() {
  local port
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); \
print(s.getsockname()[1])')
  redis-server --port "$port" --bind 127.0.0.1 --save "" --dir "$logs" >"$logs/redis" 2>&1 &
  redis_pid=$!
  export BACKPLANE_TEST_REDIS="redis://127.0.0.1:$port"
  trap stop_stores EXIT
}

stop_stores() {
  if [ -n "$redis_pid" ]; then kill "$redis_pid" 2>/dev/null || true; fi
  if [ -n "$postgres_dir" ]; then stop_postgres; fi
}

# Where the time went, and the count.
finish() {
  printf '\n%s' "$summary"
  printf 'all        %4d s\n\n' "$SECONDS"
  echo "$passed passed, $failed failed"
  [ "$stages_failed" -eq 0 ]
}
