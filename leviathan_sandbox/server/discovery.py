"""What the API says of itself: its versions, groups and resources, and its version.

Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api
"""

from typing import Any, Final

from leviathan_sandbox.kinds import NAMESPACE, POD, SERVED, Kind
from leviathan_sandbox.objects import Object

VERSION: Final[Object] = {
    "major": "1",
    "minor": "37",
    "emulationMajor": "1",
    "emulationMinor": "37",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "36",
    "gitVersion": "v1.37.2",
    "gitCommit": "0000000000000000000000000000000000000000",
    "gitTreeState": "clean",
    "buildDate": "2026-09-16T12:00:00Z",
    "goVersion": "go1.26.1",
    "compiler": "gc",
    "platform": "linux/amd64",
}
_PREFERRED: Final = ("apps", "events.k8s.io", "autoscaling", "batch", "networking.k8s.io")


def _resource(kind: Kind, path: str, name: str, verbs: tuple[str, ...]) -> Object:
    resource: Object = {
        "name": path,
        "singularName": "" if "/" in path else kind.name.lower(),
        "namespaced": kind.namespaced,
    }
    if path.endswith("/scale"):
        resource |= {"group": "autoscaling", "version": "v1"}
    resource |= {"kind": name, "verbs": list(verbs)}
    return resource


def resource_list(group: str, version: str) -> Object | None:
    """Return the APIResourceList of a group's version; None when there is no such."""
    resources: list[Object] = []
    for kind in SERVED:
        if (kind.group, kind.version) != (group, version):
            continue
        main = _resource(kind, kind.plural, kind.name, kind.verbs)
        if kind.short_names:
            main["shortNames"] = list(kind.short_names)
        if kind.categories:
            main["categories"] = list(kind.categories)
        resources.append(main)
        writes = ("get", "patch", "update")
        if kind.has_status:
            resources.append(_resource(kind, f"{kind.plural}/status", kind.name, writes))
        if kind.has_scale:
            resources.append(_resource(kind, f"{kind.plural}/scale", "Scale", writes))
        if kind is POD:
            resources.append(_resource(kind, "pods/log", "Pod", ("get",)))
        if kind is NAMESPACE:
            resources.append(_resource(kind, "namespaces/finalize", "Namespace", ("update",)))
    if not resources:
        return None
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{group}/{version}" if group else version,
        "resources": sorted(resources, key=lambda item: str(item["name"])),
    }


def _group(name: str) -> Object:
    versions = [
        {"groupVersion": f"{name}/{version}", "version": version}
        for version in dict.fromkeys(kind.version for kind in SERVED if kind.group == name)
    ]
    return {"name": name, "versions": versions, "preferredVersion": versions[0]}


def _groups() -> list[str]:
    names = dict.fromkeys(kind.group for kind in SERVED if kind.group)
    return sorted(names, key=lambda name: _PREFERRED.index(name) if name in _PREFERRED else 99)


def is_known_group(path: str) -> bool:
    """Whether a path lies in an API group that is served."""
    parts = path.strip("/").split("/")
    return parts[0] == "api" or (parts[0] == "apis" and parts[1:2] != [] and parts[1] in _groups())


def discovery_document(path: str) -> Any | None:
    """Return the document at a discovery path; None when there is none."""
    parts = path.strip("/").split("/")
    match parts:
        case ["version"]:
            return VERSION
        case ["api"]:
            return {
                "kind": "APIVersions",
                "versions": ["v1"],
                "serverAddressByClientCIDRs": [],
            }
        case ["apis"]:
            return {
                "kind": "APIGroupList",
                "apiVersion": "v1",
                "groups": [_group(name) for name in _groups()],
            }
        case ["api", version]:
            return resource_list("", version)
        case ["apis", group] if group in _groups():
            return {"kind": "APIGroup", "apiVersion": "v1", **_group(group)}
        case ["apis", group, version]:
            return resource_list(group, version)
        case _:
            return None
