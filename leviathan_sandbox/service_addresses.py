"""The addresses and the ports on the nodes that Services get.

Source: https://kubernetes.io/docs/concepts/services-networking/service/
"""

from collections.abc import Iterator
from itertools import count
from typing import Final

from leviathan_sandbox.objects import Object

_FIRST_NODE_PORT: Final = 30000
_ON_NODES: Final = ("NodePort", "LoadBalancer")
_ASSIGNED: Final = ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy")


class ServiceAddresses:
    """Hands out addresses and ports, each once."""

    def __init__(self) -> None:
        self._addresses = self._all_addresses()
        self._node_ports = count(_FIRST_NODE_PORT + 1000)

    @staticmethod
    def _all_addresses() -> Iterator[str]:
        for number in count(1):
            yield f"10.97.{number // 250 % 250}.{number % 250 + 1}"

    def assign(self, spec: Object) -> None:
        """Give a Service, in place, what it lacks for its type."""
        if spec["type"] == "ExternalName":
            return
        address = spec.get("clusterIP") or next(self._addresses)
        spec |= {"clusterIP": address, "clusterIPs": [address]}
        spec.setdefault("ipFamilies", ["IPv4"])
        spec.setdefault("ipFamilyPolicy", "SingleStack")
        if spec["type"] in _ON_NODES:
            for port in spec.get("ports") or ():
                if not port.get("nodePort"):
                    port["nodePort"] = next(self._node_ports)

    def reassign(self, spec: Object, before: Object) -> None:
        """Let a changed Service, in place, keep what it had, as far as its type still has it."""
        if spec["type"] != "ExternalName" and before["type"] != "ExternalName":
            for field in _ASSIGNED:
                if not spec.get(field) and field in before:
                    spec[field] = before[field]
        known = {_identity(port): port.get("nodePort") for port in before.get("ports") or ()}
        for port in spec.get("ports") or ():
            had = known.get(_identity(port))
            if spec["type"] in _ON_NODES and had and not port.get("nodePort"):
                port["nodePort"] = had
            elif spec["type"] not in _ON_NODES and had == port.get("nodePort"):
                port.pop("nodePort", None)
        self.assign(spec)


def _identity(port: Object) -> tuple[object, object]:
    return port.get("port"), port.get("protocol")
