"""The limiter by clients nobody here wrote: gRPC with Envoy's own stubs, redis-py, and a stock
Envoy in front of a server."""

import http.server
import socket
import subprocess
import threading
import uuid

import grpc
import pytest
import redis
import requests
from envoy.extensions.common.ratelimit.v3 import ratelimit_pb2
from envoy.service.ratelimit.v3 import rls_pb2, rls_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

TOKEN = {"Authorization": "Bearer dev"}

ENVOY = """
static_resources:
  listeners:
    - address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.\
http_connection_manager.v3.HttpConnectionManager
                stat_prefix: front
                http_filters:
                  - name: envoy.filters.http.ratelimit
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.ratelimit.v3.\
RateLimit
                      domain: {domain}
                      failure_mode_deny: true
                      enable_x_ratelimit_headers: DRAFT_VERSION_03
                      timeout: 2s
                      rate_limit_service:
                        transport_api_version: V3
                        grpc_service: {{envoy_grpc: {{cluster_name: limiter}}}}
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
                route_config:
                  virtual_hosts:
                    - name: all
                      domains: ["*"]
                      routes:
                        - match: {{prefix: /}}
                          route: {{cluster: home}}
                      rate_limits:
                        - actions:
                            - request_headers: {{header_name: x-user, descriptor_key: user}}
  clusters:
    - name: home
      type: STATIC
      load_assignment:
        cluster_name: home
        endpoints:
          - lb_endpoints:
              - endpoint:
                  address: {{socket_address: {{address: 127.0.0.1, port_value: {home}}}}}
    - name: limiter
      type: STATIC
      typed_extension_protocol_options:
        envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
          "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
          explicit_http_config: {{http2_protocol_options: {{}}}}
      load_assignment:
        cluster_name: limiter
        endpoints:
          - lb_endpoints:
              - endpoint:
                  address: {{socket_address: {{address: {host}, port_value: {limiter}}}}}
"""


@pytest.fixture
def domain(house):
    """A domain of the test's own, in which each user has three requests a day."""
    name = f"d{uuid.uuid4().hex}"
    rules = (
        f"domain: {name}\ndescriptors:\n  - key: user\n"
        "    rate_limit: {unit: day, requests_per_unit: 3, name: three}\n"
    )
    url = f"{house['edge']}/limiter/rules/{name}.yaml"
    requests.put(url, data=rules, headers=TOKEN, timeout=5).raise_for_status()
    yield name
    requests.delete(url, headers=TOKEN, timeout=5).raise_for_status()


@pytest.fixture
def channel(house):
    with grpc.insecure_channel(house["systems"]["limiter"]["grpc"]) as channel:
        yield channel


def asking(domain, user, hits=0):
    entry = ratelimit_pb2.RateLimitDescriptor.Entry(key="user", value=user)
    descriptor = ratelimit_pb2.RateLimitDescriptor(entries=[entry])
    return rls_pb2.RateLimitRequest(domain=domain, descriptors=[descriptor], hits_addend=hits)


def test_envoys_stubs_are_ruled_on(channel, domain):
    limits = rls_pb2_grpc.RateLimitServiceStub(channel)
    left = []
    for _ in range(3):
        answer = limits.ShouldRateLimit(asking(domain, "ada"), timeout=5)
        assert answer.overall_code == rls_pb2.RateLimitResponse.OK
        left.append(answer.statuses[0].limit_remaining)
    assert left == [2, 1, 0]
    over = limits.ShouldRateLimit(asking(domain, "ada"), timeout=5)
    assert over.overall_code == rls_pb2.RateLimitResponse.OVER_LIMIT
    limit = over.statuses[0].current_limit
    assert (limit.requests_per_unit, limit.name) == (3, "three")
    assert limit.unit == rls_pb2.RateLimitResponse.RateLimit.DAY
    assert 0 < over.statuses[0].duration_until_reset.seconds <= 86_400
    free = limits.ShouldRateLimit(asking(domain, "bob", 4), timeout=5)
    assert free.overall_code == rls_pb2.RateLimitResponse.OVER_LIMIT
    free = limits.ShouldRateLimit(asking(domain, "bob", 3), timeout=5)
    assert free.overall_code == rls_pb2.RateLimitResponse.OK


def test_many_calls_at_once_on_one_connection_admit_the_limit(channel, domain):
    limits = rls_pb2_grpc.RateLimitServiceStub(channel)
    calls = [limits.ShouldRateLimit.future(asking(domain, "ada"), timeout=10) for _ in range(200)]
    codes = [call.result().overall_code for call in calls]
    assert codes.count(rls_pb2.RateLimitResponse.OK) == 3


def test_a_wrong_call_has_its_status_and_the_service_is_healthy(channel):
    limits = rls_pb2_grpc.RateLimitServiceStub(channel)
    with pytest.raises(grpc.RpcError) as refused:
        limits.ShouldRateLimit(rls_pb2.RateLimitRequest(), timeout=5)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "domain" in refused.value.details()
    health = health_pb2_grpc.HealthStub(channel)
    answer = health.Check(health_pb2.HealthCheckRequest(), timeout=5)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(grpc.RpcError) as unknown:
        health.Watch(health_pb2.HealthCheckRequest(), timeout=5).next()
    assert unknown.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_redis_py_throttles(house):
    host, port = house["systems"]["limiter"]["resp"].split(":")
    client = redis.Redis(host, int(port))
    assert client.ping()
    key = uuid.uuid4().hex
    assert client.execute_command("CL.THROTTLE", key, 15, 30, 60) == [0, 16, 15, -1, 2]
    with client.pipeline(transaction=False) as pipeline:
        for _ in range(16):
            pipeline.execute_command("CL.THROTTLE", key, 15, 30, 60)
        limited = [answer[0] for answer in pipeline.execute()]
    assert limited == [0] * 15 + [1]
    with pytest.raises(redis.ResponseError):
        client.execute_command("CL.THROTTLE", key, "many", 30, 60)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Home(http.server.BaseHTTPRequestHandler):
    """What Envoy stands in front of."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def home():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Home) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_a_stock_envoy_in_front_limits_by_our_rules(house, domain, home, until, tmp_path):
    host, limiter = house["systems"]["limiter"]["grpc"].split(":")
    port = free_port()
    config = tmp_path / "envoy.yaml"
    config.write_text(
        ENVOY.format(port=port, domain=domain, home=home, host=host, limiter=limiter)
    )
    command = ["envoy", "-c", str(config), "--use-dynamic-base-id", "--concurrency", "1"]
    with open(tmp_path / "log", "w+") as log:
        envoy = subprocess.Popen(command, stdout=log, stderr=log)
        try:

            def get(user):
                return requests.get(
                    f"http://127.0.0.1:{port}/", headers={"x-user": user}, timeout=5
                )

            def answers():
                try:
                    return get("somebody").status_code == 200
                except requests.ConnectionError:
                    return False

            if not until(answers, seconds=20):
                log.seek(0)
                pytest.fail(f"Envoy does not answer: {log.read()[-3000:]}")
            statuses = [get("ada").status_code for _ in range(5)]
            assert statuses == [200, 200, 200, 429, 429]
            other = get("bob")
            assert (other.status_code, other.headers["x-ratelimit-remaining"]) == (200, "2")
            refused = get("ada")
            # Of our own headers, which Envoy adds to its answer.
            assert 0 < int(refused.headers["retry-after"]) <= 86_400
        finally:
            envoy.terminate()
            envoy.wait(10)
