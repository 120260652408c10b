"""What an API server refuses about Services and Ingresses.

Source: https://kubernetes.io/docs/reference/kubernetes-api/service-resources/
"""

import ipaddress
import re
from typing import Any, Final

from leviathan_sandbox.objects import Object, lookup
from leviathan_sandbox.status import (
    Cause,
    duplicate,
    forbidden_field,
    invalid_value,
    required,
    unsupported_value,
)
from leviathan_sandbox.validation import (
    check_labels,
    check_names,
    dns_label_problems,
    subdomain_problems,
)

_PROTOCOLS: Final = ("SCTP", "TCP", "UDP")
_SERVICE_TYPES: Final = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_AFFINITIES: Final = ("ClientIP", "None")
_PATH_TYPES: Final = ("Exact", "ImplementationSpecific", "Prefix")
_NODE_PORTS: Final = ("NodePort", "LoadBalancer")
SERVICE_RANGE: Final = ipaddress.ip_network("10.97.0.0/16")
"""The addresses that Services get."""
_PORT_RANGE: Final = "must be between 1 and 65535, inclusive"
_WILDCARD: Final = re.compile(
    r"\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
)
_WILDCARD_PROBLEM: Final = (
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which"
    " must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric"
    " character (e.g. '*.example.com', regex used for validation is"
    r" '\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)


def check_port_number(field: str, number: Any) -> list[Cause]:
    """Return the cause for refusing a port's number."""
    if isinstance(number, int) and 0 < number < 65536:
        return []
    return [invalid_value(field, number or 0, _PORT_RANGE)]


def port_name_problems(name: str) -> list[str]:
    """Return what is wrong with `name` as the name of a port (an IANA service name)."""
    problems = []
    if len(name) > 15:
        problems.append("must be no more than 15 characters")
    if not re.fullmatch("[-a-z0-9]*", name):
        problems.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search("[a-z]", name):
        problems.append("must contain at least one letter (a-z)")
    if "--" in name:
        problems.append("must not contain consecutive hyphens")
    if name.startswith("-") or name.endswith("-"):
        problems.append("must not begin or end with a hyphen")
    return problems


def _check_port(field: str, value: Any) -> list[Cause]:
    """Return the causes for refusing a port that is a number or a name."""
    if isinstance(value, str):
        return [invalid_value(field, value, problem) for problem in port_name_problems(value)]
    return check_port_number(field, value)


def check_service(spec: Object) -> list[Cause]:
    """Return the causes for refusing a Service's spec."""
    kind, ports = spec.get("type"), spec.get("ports") or ()
    causes = []
    if not ports and spec.get("clusterIP") != "None" and kind != "ExternalName":
        causes.append(required("spec.ports"))
    if kind == "ExternalName":
        external = spec.get("externalName") or ""
        if not external:
            causes.append(required("spec.externalName"))
        else:
            causes += check_names("spec.externalName", external, subdomain_problems)
    seen: set[tuple[Any, Any]] = set()
    names: set[str] = set()
    for index, port in enumerate(ports):
        field = f"spec.ports[{index}]"
        causes += _check_service_port(field, port, kind, is_only=len(ports) == 1)
        name = port.get("name") or ""
        if name and name in names:
            causes.append(duplicate(f"{field}.name", name))
        names.add(name)
        identity = (port.get("port"), port.get("protocol"))
        if identity in seen:
            causes.append(duplicate(field, _as_go_prints(port)))
        seen.add(identity)
    causes += check_labels("spec.selector", spec.get("selector"))
    causes += _check_address(spec.get("clusterIP") or "")
    affinity = spec.get("sessionAffinity")
    if affinity not in _AFFINITIES:
        causes.append(unsupported_value("spec.sessionAffinity", affinity, _AFFINITIES))
    if kind not in _SERVICE_TYPES:
        causes.append(unsupported_value("spec.type", kind, _SERVICE_TYPES))
    return causes


def _check_service_port(field: str, port: Object, kind: Any, *, is_only: bool) -> list[Cause]:
    causes = []
    name = port.get("name") or ""
    if name:
        causes += check_names(f"{field}.name", name, dns_label_problems)
    elif not is_only:
        causes.append(required(f"{field}.name"))
    causes += check_port_number(f"{field}.port", port.get("port"))
    if port.get("protocol") not in _PROTOCOLS:
        causes.append(unsupported_value(f"{field}.protocol", port.get("protocol"), _PROTOCOLS))
    causes += _check_port(f"{field}.targetPort", port.get("targetPort"))
    if port.get("nodePort") and kind not in _NODE_PORTS:
        problem = f"may not be used when `type` is '{kind}'"
        causes.append(forbidden_field(f"{field}.nodePort", problem))
    return causes


def _as_go_prints(port: Object) -> Object:
    """Return a port as the message about its twin shows it: only what makes them twins is set."""
    return {
        "Name": "",
        "Protocol": port.get("protocol"),
        "AppProtocol": None,
        "Port": port.get("port"),
        "TargetPort": 0,
        "NodePort": 0,
    }


def _check_address(text: str) -> list[Cause]:
    if text in ("", "None"):
        return []
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        problem = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
        return [invalid_value("spec.clusterIPs[0]", text, problem)]
    if address in SERVICE_RANGE:
        return []
    problem = (
        f"failed to allocate IP {text}: the provided IP ({text}) is not in the valid range. The"
        f" range of valid IPs is {SERVICE_RANGE}"
    )
    return [invalid_value("spec.clusterIPs", [text], problem)]


def check_ingress(spec: Object) -> list[Cause]:
    """Return the causes for refusing an Ingress's spec."""
    causes = []
    rules, backend = spec.get("rules") or (), spec.get("defaultBackend")
    if not rules and backend is None:
        problem = "either `defaultBackend` or `rules` must be specified"
        causes.append(invalid_value("spec", None, problem))
    for index, entry in enumerate(spec.get("tls") or ()):
        field = f"spec.tls[{index}]"
        for number, host in enumerate(entry.get("hosts") or ()):
            causes += _check_host(f"{field}.hosts[{number}]", host)
        secret = entry.get("secretName") or ""
        if secret:
            causes += check_names(f"{field}.secretName", secret, subdomain_problems)
    for index, rule in enumerate(rules):
        causes += _check_rule(f"spec.rules[{index}]", rule)
    if backend is not None:
        causes += _check_backend("spec.defaultBackend", backend)
    ingress_class = spec.get("ingressClassName")
    if ingress_class is not None:
        causes += check_names("spec.ingressClassName", ingress_class, subdomain_problems)
    return causes


def _check_host(field: str, host: str) -> list[Cause]:
    if "*" in host:
        is_fine = _WILDCARD.fullmatch(host) is not None
        return [] if is_fine else [invalid_value(field, host, _WILDCARD_PROBLEM)]
    return check_names(field, host, subdomain_problems)


def _check_rule(field: str, rule: Object) -> list[Cause]:
    causes = []
    host = rule.get("host") or ""
    if host:
        try:
            ipaddress.ip_address(host)
            causes.append(
                invalid_value(f"{field}.host", host, "must be a DNS name, not an IP address")
            )
        except ValueError:
            causes += _check_host(f"{field}.host", host)
    if rule.get("http") is None:
        return causes
    paths = lookup(rule, "http", "paths") or ()
    if not paths:
        causes.append(required(f"{field}.http.paths"))
    for index, path in enumerate(paths):
        causes += _check_path(f"{field}.http.paths[{index}]", path)
    return causes


def _check_path(field: str, path: Object) -> list[Cause]:
    causes = []
    text, kind = path.get("path") or "", path.get("pathType")
    if kind is None:
        causes.append(required(f"{field}.pathType", "pathType must be specified"))
    elif kind not in _PATH_TYPES:
        causes.append(unsupported_value(f"{field}.pathType", kind, _PATH_TYPES))
    elif kind != "ImplementationSpecific" or text:
        if not text.startswith("/"):
            causes.append(invalid_value(f"{field}.path", text, "must be an absolute path"))
        if kind != "ImplementationSpecific":
            causes += [
                invalid_value(f"{field}.path", text, f"must not contain '{part}'")
                for part in ("//", "/./", "/../", "%2f", "%2F")
                if part in text
            ]
            causes += [
                invalid_value(f"{field}.path", text, f"cannot end with '{part}'")
                for part in ("/..", "/.")
                if text.endswith(part)
            ]
    return causes + _check_backend(f"{field}.backend", path.get("backend") or {})


def _check_backend(field: str, backend: Object) -> list[Cause]:
    service, resource = backend.get("service"), backend.get("resource")
    if service is None and resource is None:
        return [invalid_value(field, "", "resource or service backend is required")]
    if service is None:
        return []
    causes = []
    name, port = service.get("name") or "", service.get("port") or {}
    if not name:
        causes.append(required(f"{field}.service.name"))
    else:
        causes += check_names(f"{field}.service.name", name, dns_label_problems)
    if port.get("name") and port.get("number"):
        causes.append(invalid_value(field, "", "cannot set both port name & port number"))
    elif port.get("name"):
        causes += _check_port(f"{field}.service.port.name", port["name"])
    elif port.get("number"):
        causes += check_port_number(f"{field}.service.port.number", port["number"])
    else:
        causes.append(required(field, "port name or number is required"))
    return causes
