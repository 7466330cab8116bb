"""What somebody saved while it was burning: the manifests as they stood, and kubectl's view of the pods."""

from .scene import (
    CONNECTION_TIMEOUT,
    DAY,
    HOUR,
    MAX_CONNECTIONS,
    MAX_LIFETIME,
    MINUTE,
    NEW_PODS,
    NEW_VERSION,
    OLD_VERSION,
    POOL_AFTER,
    POOL_BEFORE,
    PROXY_READ_TIMEOUT,
    REPLICAS,
    ROLLOUT,
    SECOND,
    SNAPSHOT,
    at,
    moment,
)

CONFIG = f"""\
# kubectl -n shop get cm/checkout deploy/checkout cm/pg-main cm/gateway -o yaml
# taken {moment(SNAPSHOT):%Y-%m-%dT%H:%M:%SZ}; status, managedFields and unrelated keys removed
apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: ConfigMap
    metadata:
      name: checkout
      namespace: shop
      annotations:
        shop.example/release: "{NEW_VERSION}"
        shop.example/applied-at: "{moment(ROLLOUT - 2 * SECOND):%Y-%m-%dT%H:%M:%SZ}"
    data:
      application.yaml: |
        spring:
          application:
            name: checkout
          datasource:
            url: jdbc:postgresql://pg-main.shop.svc.cluster.local:5432/shop
            username: checkout
            hikari:
              pool-name: checkout-pool
              # SHOP-4127: was {POOL_BEFORE}/{POOL_BEFORE} up to {OLD_VERSION}. Headroom for the spring sale.
              maximum-pool-size: {POOL_AFTER}
              minimum-idle: {POOL_AFTER}
              connection-timeout: {CONNECTION_TIMEOUT}
              max-lifetime: {MAX_LIFETIME}
              # start without a database; connections follow when they can
              initialization-fail-timeout: -1
        management:
          endpoint:
            health:
              group:
                # a database blip must not take every pod out of rotation
                readiness:
                  include: readinessState
        shop:
          payments:
            acquirer-timeout: 4000
          quotes:
            attempts: 3
          tax:
            legacy-rounding: true
  - apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: checkout
      namespace: shop
      annotations:
        kubernetes.io/change-cause: "checkout {NEW_VERSION} (SHOP-4127 pool headroom, SHOP-4090 tax rounding)"
    spec:
      replicas: {REPLICAS}
      strategy:
        type: RollingUpdate
        rollingUpdate:
          maxUnavailable: 1
          maxSurge: 2
      template:
        spec:
          terminationGracePeriodSeconds: 30
          containers:
            - name: checkout
              image: registry.shop.example/checkout:{NEW_VERSION}
              resources:
                requests: {{cpu: 500m, memory: 768Mi}}
                limits: {{memory: 1Gi}}
  - apiVersion: v1
    kind: ConfigMap
    metadata:
      name: pg-main
      namespace: shop
      annotations:
        shop.example/applied-at: "2025-11-04T08:12:40Z"
    data:
      postgresql.conf: |
        max_connections = {MAX_CONNECTIONS}
        superuser_reserved_connections = 0
        shared_buffers = 1280MB
        work_mem = 8MB
        log_line_prefix = '%m [%p] %q%u@%d %h '
        log_connections = 'authorization'
        log_disconnections = on
        log_min_duration_statement = 500ms
        idle_in_transaction_session_timeout = 60s
  - apiVersion: v1
    kind: ConfigMap
    metadata:
      name: gateway
      namespace: shop
      annotations:
        shop.example/applied-at: "2026-01-20T10:31:05Z"
    data:
      proxy_connect_timeout: 2s
      proxy_read_timeout: {PROXY_READ_TIMEOUT // SECOND}s
      proxy_next_upstream: "off"
"""


def config_text() -> str:
    return CONFIG


def age(ms: int) -> str:
    """A duration as kubectl writes it."""
    seconds, minutes, hours = ms // SECOND, ms // MINUTE, ms // HOUR
    if seconds < 120:
        return f"{seconds}s"
    if minutes < 10:
        return f"{minutes}m{seconds % 60}s" if seconds % 60 else f"{minutes}m"
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    return f"{hours // 24}d"


def pods_text() -> str:
    day = 24 * HOUR
    report = (int(DAY.timestamp()) + at("14:00:00") // SECOND) // 60  # a CronJob's job is named by its scheduled minute
    rows = [
        ("cart-7f9c6d5b88-4xk2v", "1/1", "Running", "0", 12 * day, "10.20.8.4", "node-b"),
        ("catalog-6c8d5b7f94-5vkqp", "1/1", "Running", "0", 5 * day, "10.20.7.51", "node-a"),
        ("catalog-6c8d5b7f94-nt2xz", "1/1", "Running", "0", 5 * day, "10.20.7.52", "node-c"),
        *((pod.name, "1/1", "Running", "0", SNAPSHOT - pod.created, pod.ip, pod.node) for pod in NEW_PODS),
        ("gateway-5d8f7b6c4-bn9wq", "1/1", "Running", "0", 56 * day, "10.20.7.5", "node-a"),
        (f"hourly-report-{report}-m4tz8", "0/1", "Completed", "0", SNAPSHOT - at("14:00:00"), "10.20.9.33", "node-b"),
        ("kafka-0", "1/1", "Running", "0", 41 * day, "10.20.8.30", "node-c"),
        ("order-worker-84bd9c7f6-jw4rd", "1/1", "Running", "1 (9d ago)", 30 * day, "10.20.8.17", "node-b"),
        ("pg-exporter-59f6d4c8b7-8gk2m", "1/1", "Running", "0", 133 * day, "10.20.4.21", "node-a"),
        ("pg-main-0", "1/1", "Running", "0", 133 * day, "10.20.4.15", "node-a"),
        ("pg-operator-6b5c7d9f48-2rxlt", "1/1", "Running", "0", 133 * day, "10.20.4.9", "node-c"),
        ("recommendations-66f8c9d7b5-zq7hn", "1/1", "Running", "17 (48m ago)", 2 * day, "10.20.9.5", "node-c"),
        ("redis-0", "1/1", "Running", "0", 41 * day, "10.20.8.25", "node-a"),
    ]
    table = [("NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP", "NODE")]
    table += [
        (name, ready, status, restarts, age(ms), ip, node) for name, ready, status, restarts, ms, ip, node in rows
    ]
    widths = [max(len(row[column]) for row in table) + 3 for column in range(7)]
    lines = ["".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
    history = [
        "REVISION  CHANGE-CAUSE",
        f"57        checkout {OLD_VERSION} (SHOP-4101 coupon texts)",
        f"58        checkout {NEW_VERSION} (SHOP-4127 pool headroom, SHOP-4090 tax rounding)",
    ]
    return "\n".join(
        [
            f"$ date -u +%FT%TZ && kubectl -n shop get pods -o wide\n{moment(SNAPSHOT):%Y-%m-%dT%H:%M:%SZ}",
            *lines,
            "",
            "$ kubectl -n shop rollout history deployment/checkout\ndeployment.apps/checkout",
            *history,
            "",
        ]
    )
