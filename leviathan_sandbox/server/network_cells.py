"""The cells of Services and Ingresses."""

from datetime import datetime

from leviathan_sandbox.objects import Object, lookup


def _addresses(obj: Object) -> list[str]:
    points = lookup(obj, "status", "loadBalancer", "ingress") or ()
    return sorted({point.get("ip") or point.get("hostname") or "" for point in points} - {""})


def address_of(obj: Object, _: datetime) -> str:
    """Return where a load balancer has put an Ingress."""
    return ",".join(_addresses(obj))


def external_ip(service: Object, _: datetime) -> str:
    """Return where a Service is reached from outside."""
    spec = service["spec"]
    external = spec.get("externalIPs") or []
    match spec.get("type"):
        case "ClusterIP" | "NodePort":
            return ",".join(external) or "<none>"
        case "LoadBalancer":
            return ",".join(_addresses(service) + external) or "<pending>"
        case "ExternalName":
            return str(spec.get("externalName", ""))
        case _:
            return "<unknown>"


def ports_text(service: Object, _: datetime) -> str:
    """Return a Service's ports as `80:30080/TCP`."""
    pieces = []
    for port in service["spec"].get("ports") or ():
        outside = f":{port['nodePort']}" if port.get("nodePort") else ""
        pieces.append(f"{port['port']}{outside}/{port['protocol']}")
    return ",".join(pieces) or "<none>"


def hosts_text(ingress: Object, _: datetime) -> str:
    """Return the first three hosts of an Ingress, and how many more there are."""
    rules = ingress["spec"].get("rules") or []
    hosts = [rule["host"] for rule in rules[:3] if rule.get("host")]
    if not hosts:
        return "*"
    text = ",".join(hosts)
    return f"{text} + {len(rules) - 3} more..." if len(rules) > 3 else text
