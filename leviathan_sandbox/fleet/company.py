"""The apps and cron jobs of a made-up company that sells things: what the demo shows."""

from typing import Final

from leviathan_sandbox.fleet.specs import App, Cron, Release, State

_DAY: Final = 24.0
_HUB: Final = "registry.example.com"


def _releases(name: str, *versions: tuple[str, float]) -> tuple[Release, ...]:
    return tuple(Release(f"{_HUB}/{name}:{version}", age) for version, age in versions)


APPS: Final = (
    App(
        "shop", "web",
        _releases("shop/web", ("4.9.3", 44 * _DAY), ("5.0.1", 9 * _DAY), ("5.0.2", 6.2)),
        4, port=80, host="shop.example.com", max_replicas=10, log="access", cpu="100m",
        memory="128Mi", config=True,
    ),
    App(
        "shop", "billing",
        _releases("shop/billing", ("2.3.9", 30 * _DAY), ("2.4.0", 3 * _DAY), ("2.4.1", 2.8)),
        2, state=State.CRASHING, port=80, log="python", config=True,
    ),
    App(
        "shop", "checkout",
        _releases("shop/checkout", ("1.18.0", 12 * _DAY), ("1.19.0", 0.02)),
        4, state=State.ROLLING, port=80, log="java", memory="512Mi",
    ),
    App(
        "edge", "gateway",
        _releases("edge/gateway", ("1.1.7", 60 * _DAY), ("1.2.0", 12 * _DAY)),
        4, port=443, host="api.example.com", log="go", max_replicas=12,
        sidecar=f"{_HUB}/edge/tls-agent:0.4",
    ),
    App(
        "data", "importer",
        _releases("data/importer", ("1.8.2", 80 * _DAY), ("1.9.0", 21 * _DAY)),
        3, state=State.PAUSED, log="batch",
    ),
    App(
        "data", "postgres",
        _releases("postgres", ("17.4", 150 * _DAY), ("17.6", 33 * _DAY)),
        2, kind="StatefulSet", port=5432, log="postgres", storage="100Gi", cpu="500m",
        memory="2Gi",
    ),
    App(
        "edge", "image-proxy",
        _releases("edge/image-proxy", ("3.3.0", 18 * _DAY), ("missing-3.4.0", 1.4)),
        3, state=State.STUCK, port=80, log="access",
    ),
    App(
        "data", "recommender",
        _releases("data/recommender", ("0.9.1", 5 * _DAY)),
        2, state=State.PENDING, port=80, memory="512Mi",
    ),
    App(
        "shop", "cart",
        _releases("shop/cart", ("2.0.4", 25 * _DAY), ("2.1.0", 4 * _DAY)),
        3, port=80, log="json", max_replicas=6,
    ),
    App(
        "data", "redis",
        _releases("redis", ("8.2.1", 52 * _DAY)),
        3, kind="StatefulSet", port=6379, log="redis", storage="10Gi", memory="512Mi",
    ),
    App(
        "data", "etl-worker",
        _releases("data/etl-worker", ("0.31.0", 8 * _DAY), ("0.32.0", 1.6 * _DAY)),
        2, state=State.OOM, log="python", memory="256Mi",
    ),
    App(
        "ops", "node-exporter",
        _releases("ops/node-exporter", ("1.9.1", 70 * _DAY)),
        kind="DaemonSet", log="go", cpu="20m", memory="32Mi",
    ),
    App(
        "ops", "grafana",
        _releases("ops/grafana", ("12.1.0", 40 * _DAY), ("12.2.0", 10 * _DAY)),
        1, port=3000, host="grafana.example.com", log="go", config=True,
    ),
    App(
        "ops", "alert-router",
        _releases("ops/alert-router", ("0.28.1", 16 * _DAY)),
        2, state=State.FLAPPING, port=9093, log="go",
    ),
    App(
        "kube-system", "coredns",
        _releases("coredns", ("v1.15.0", 90 * _DAY)),
        2, port=53, log="go", cpu="100m",
    ),
    App(
        "edge", "auth",
        _releases("edge/auth", ("1.4.0", 19 * _DAY), ("1.4.1", 5 * _DAY)),
        2, port=80, log="json", config=True,
    ),
    App(
        "shop", "search",
        _releases("shop/search", ("8.15.0", 45 * _DAY)),
        3, kind="StatefulSet", state=State.UNREADY, port=9200, log="java", storage="50Gi",
        memory="1Gi", cpu="250m",
    ),
    App(
        "ops", "log-agent",
        _releases("ops/log-agent", ("3.1.0", 63 * _DAY), ("3.2.1", 14 * _DAY)),
        kind="DaemonSet", log="json", cpu="20m", memory="64Mi",
    ),
    App(
        "ops", "prometheus",
        _releases("ops/prometheus", ("v3.6.0", 28 * _DAY)),
        1, kind="StatefulSet", port=9090, log="go", storage="200Gi", memory="2Gi", cpu="500m",
    ),
    App(
        "ops", "status-page",
        _releases("ops/status-page", ("0.6.0", 33 * _DAY), ("0.7.0", 7.5)),
        2, state=State.FROZEN, port=80, host="status.example.com", log="access",
    ),
    App(
        "shop", "mailer",
        _releases("shop/mailer", ("1.0.8", 55 * _DAY), ("1.0.9", 13 * _DAY)),
        2, state=State.EVICTED, log="worker",
    ),
    App(
        "edge", "cdn-purger",
        _releases("edge/cdn-purger", ("0.3.0", 29 * _DAY), ("0.3.1", 20.0)),
        1, state=State.INIT_CRASH, log="python",
    ),
    App(
        "ops", "reports",
        _releases("ops/reports", ("1.2.0", 11 * _DAY)),
        1, state=State.MISCONFIGURED, config=True,
    ),
    App(
        "kube-system", "kube-proxy",
        _releases("kube-proxy", ("v1.37.2", 90 * _DAY)),
        kind="DaemonSet", log="go", cpu="20m", memory="32Mi",
    ),
)  # fmt: skip
"""Most telling first: a smaller fleet has the first of them."""

CRONS: Final = (
    Cron("shop", "invoice-mails", "*/5 * * * *", f"{_HUB}/shop/mailer:1.0.9", 6),
    Cron("data", "nightly-backup", "30 1 * * *", f"{_HUB}/data/backup:2.2", 42,
         zone="Europe/Berlin", concurrency="Forbid"),
    Cron("data", "warehouse-sync", "0 * * * *", f"{_HUB}/data/etl-worker:0.32.0", 35,
         running=True, concurrency="Forbid"),
    Cron("data", "orders-export", "*/15 * * * *", f"{_HUB}/data/importer:1.9.0", 9,
         fails=(True, False, False)),
    Cron("shop", "price-feed", "*/2 * * * *", f"{_HUB}/shop/price-feed:0.8", 5,
         concurrency="Replace"),
    Cron("ops", "certificate-check", "0 6 * * 1-5", f"{_HUB}/ops/checks:1.1", 4),
    Cron("edge", "cache-warmup", "@hourly", f"{_HUB}/edge/warmup:1.0", 12),
    Cron("data", "gdpr-purge", "0 3 1 * *", f"{_HUB}/data/purge:0.4", 90, deadline=3600),
    Cron("ops", "disk-report", "0 7 * * MON", f"{_HUB}/ops/reports:1.2.0", 7),
    Cron("shop", "abandoned-carts", "*/30 8-20 * * *", f"{_HUB}/shop/mailer:1.0.9", 10,
         zone="America/New_York"),
    Cron("data", "legacy-import", "15 * * * *", f"{_HUB}/data/importer:1.7.0", 8,
         suspended=True),
    Cron("ops", "chaos-drill", "0 14 * * 3", f"{_HUB}/ops/chaos:0.1", 20, suspended=True),
    Cron("ops", "token-rotation", "@every 90m", f"{_HUB}/ops/rotate:0.5", 3,
         fails=(True,)),
)  # fmt: skip
