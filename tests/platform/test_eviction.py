"""Whoever has the console's password can fill leviathan-redis; what must last survives it."""

import base64

from tests.platform.cluster import Cluster
from tests.platform.people import Platform

FILL = """
import sys
import redis

def of(name, password):
    return redis.Redis(
        "leviathan-redis", ssl=True, username=name, password=password,
        ssl_ca_certs="/run/leviathan/redis/ca.crt",
        ssl_certfile="/run/leviathan/redis/tls.crt", ssl_keyfile="/run/leviathan/redis/tls.key",
    )

data = of("data", sys.stdin.readline().strip())
for number in range(100):
    data.set(f"leviathan:data:{number}", "x" * 1000)
console = of("console", open("/run/leviathan/redis/password").read().strip())
entry = b"x" * (4 << 20)
for number in range(80):
    console.set(f"leviathan:snapshot:{number}", entry, ex=3600 + number)
print(sum(data.exists(f"leviathan:data:{number}") for number in range(100)), "kept")
left = [number for number in range(80) if console.getrange(f"leviathan:snapshot:{number}", 0, 0)]
print(0 < len(left) < 80)
data.delete(*(f"leviathan:data:{number}" for number in range(100)))
"""


def fill(cluster: Cluster) -> str:
    """Write more snapshots than fit beside what the data server keeps; return what is left."""
    password = base64.b64decode(cluster.secrets()["leviathan-data-redis"]["password"]).decode()
    return cluster.inside("deploy/leviathan-console", "python3", "-c", FILL, typed=f"{password}\n")


def test_snapshots_go_and_what_has_no_time_to_live_stays(
    cluster: Cluster, platform: Platform
) -> None:
    assert fill(cluster).splitlines() == ["100 kept", "True"]
