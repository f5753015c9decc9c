# Shared by suites that have Apache Kafka as an oracle or a peer: one broker of our own, on free
# ports of the loopback interface, that keeps nothing. Sourced; needs Java 17, Maven and python3.
kafka_support=$(cd "$(dirname "${BASH_SOURCE[0]}")/kafka" && pwd)
kafka_dir=""
kafka_pid=""

# kafka_java HEAP MAIN-CLASS ARGUMENT...: becomes a program of Apache Kafka, so in a subshell.
kafka_java() {
  local heap=$1 jars
  shift
  jars=$("$kafka_support/fetch")
  exec java "-Xmx$heap" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Djava.awt.headless=true \
    "-Dlog4j2.configurationFile=$kafka_support/log4j2.properties" -cp "$jars/*" "$@"
}

# Starts a broker, waits until it serves, and exports its address as BACKPLANE_TEST_KAFKA.
start_kafka() {
  "$kafka_support/fetch" >/dev/null
  kafka_dir=$(mktemp -d)
  local port controller
  read -r port controller < <(python3 -c 'import socket
probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(probe.getsockname()[1] for probe in probes))')
  cat "$kafka_support/server.properties" - >"$kafka_dir/server.properties" <<END
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$port
controller.quorum.voters=1@127.0.0.1:$controller
log.dirs=$kafka_dir/data
END
  local id=bWVzc2FnZS1xdWV1ZS10ZQ
  if ! (kafka_java 128m kafka.tools.StorageTool format --cluster-id "$id" \
    --config "$kafka_dir/server.properties") >"$kafka_dir/log" 2>&1; then
    kafka_failed "cannot format its storage"
    return 1
  fi
  (kafka_java 512m kafka.Kafka "$kafka_dir/server.properties") >>"$kafka_dir/log" 2>&1 &
  kafka_pid=$!
  local deadline=$((SECONDS + 60))
  until grep -q "Kafka Server started" "$kafka_dir/log"; do
    if ! kill -0 "$kafka_pid" 2>/dev/null || [ "$SECONDS" -ge "$deadline" ]; then
      kafka_failed "did not become ready"
      return 1
    fi
    sleep 0.1
  done
  export BACKPLANE_TEST_KAFKA="127.0.0.1:$port"
}

# kafka_failed WHAT: says so with the end of the log, and clears up.
kafka_failed() {
  echo "Apache Kafka $1:" >&2
  tail -n 40 "$kafka_dir/log" >&2
  stop_kafka
}

# Ends the broker, if there is one, and removes what it wrote.
stop_kafka() {
  if [ -n "$kafka_pid" ]; then
    # What it would save by an orderly end is thrown away here.
    kill -KILL "$kafka_pid" 2>/dev/null || true
    wait "$kafka_pid" 2>/dev/null || true
    kafka_pid=""
  fi
  if [ -n "$kafka_dir" ]; then rm -rf "$kafka_dir"; kafka_dir=""; fi
  unset BACKPLANE_TEST_KAFKA
}
