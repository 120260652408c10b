"""What is refused of the objects that go with an app, and the causes that are given."""

from typing import Any

import pytest

from tests.conformance.api import APPS, CORE, Api, config_map, deployment

Object = dict[str, Any]

NETWORK = "/apis/networking.k8s.io/v1"
AUTOSCALING = "/apis/autoscaling/v2"
INVALID, REQUIRED = "FieldValueInvalid", "FieldValueRequired"
UNSUPPORTED, FORBIDDEN = "FieldValueNotSupported", "FieldValueForbidden"
DUPLICATE, LONG = "FieldValueDuplicate", "FieldValueTooLong"
PORT_80: Object = {"port": 80}
BACKEND: Object = {"service": {"name": "x", "port": {"number": 80}}}
SIZE: Object = {"requests": {"storage": "1Gi"}}
TARGET: Object = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"}
KINDS = {
    "ingresses": (NETWORK, "Ingress"),
    "services": (CORE, "Service"),
    "persistentvolumeclaims": (CORE, "PersistentVolumeClaim"),
    "horizontalpodautoscalers": (AUTOSCALING, "HorizontalPodAutoscaler"),
    "configmaps": (CORE, "ConfigMap"),
    "secrets": (CORE, "Secret"),
}


def body_of(plural: str, name: str = "x", **fields: object) -> Object:
    root, kind = KINDS[plural]
    version = "v1" if root == CORE else root.removeprefix("/apis/")
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **fields}


def path(text: str = "/", kind: str = "Prefix", backend: Object = BACKEND) -> Object:
    return {"path": text, "pathType": kind, "backend": backend}


def rule(host: str, *paths: Object) -> Object:
    return {"rules": [{"host": host, "http": {"paths": list(paths)}}]}


def to(service: str = "x", **port: object) -> Object:
    return {"service": {"name": service, "port": port}}


def ports(*items: Object, **fields: object) -> Object:
    return {"ports": list(items), **fields}


def claim(**fields: object) -> Object:
    return {"accessModes": ["ReadWriteOnce"], "resources": SIZE, **fields}


def cpu(**target: object) -> list[Object]:
    return [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]


PATH = "spec.rules[0].http.paths[0]"
SPECS: list[tuple[str, Object, list[tuple[str, str, str]]]] = [
    ("ingresses", {}, [(INVALID, "spec", "either `defaultBackend` or `rules`")]),
    ("ingresses", rule("A_b", path()), [(INVALID, "spec.rules[0].host", "RFC 1123 subdomain")]),
    ("ingresses", rule("*", path()), [(INVALID, "spec.rules[0].host", "start with '*.'")]),
    ("ingresses", rule("1.2.3.4", path()), [(INVALID, "spec.rules[0].host", "an IP address")]),
    ("ingresses", rule("*.a.b", path()), []),
    ("ingresses", rule("a.b"), [(REQUIRED, "spec.rules[0].http.paths", "Required value")]),
    (
        "ingresses",
        rule("a.b", {"path": "/", "backend": BACKEND}),
        [(REQUIRED, f"{PATH}.pathType", "pathType must be specified")],
    ),
    ("ingresses", rule("a.b", path("x")), [(INVALID, f"{PATH}.path", "must be an absolute path")]),
    ("ingresses", rule("a.b", path("/a//b")), [(INVALID, f"{PATH}.path", "not contain '//'")]),
    ("ingresses", rule("a.b", path("", "ImplementationSpecific")), []),
    (
        "ingresses",
        rule("a.b", path(kind="Foo")),
        [(UNSUPPORTED, f"{PATH}.pathType", '"Exact", "ImplementationSpecific", "Prefix"')],
    ),
    (
        "ingresses",
        rule("a.b", path(backend={})),
        [(INVALID, f"{PATH}.backend", "resource or service backend is required")],
    ),
    (
        "ingresses",
        rule("a.b", path(backend=to())),
        [(REQUIRED, f"{PATH}.backend", "port name or number is required")],
    ),
    (
        "ingresses",
        rule("a.b", path(backend=to(number=70000))),
        [(INVALID, f"{PATH}.backend.service.port.number", "between 1 and 65535")],
    ),
    (
        "ingresses",
        rule("a.b", path(backend=to("X_", name="Bad_Name_"))),
        [
            (INVALID, f"{PATH}.backend.service.name", "a lowercase RFC 1123 label"),
            (INVALID, f"{PATH}.backend.service.port.name", "only alpha-numeric characters"),
        ],
    ),
    (
        "ingresses",
        {
            "defaultBackend": BACKEND,
            "tls": [{"hosts": ["A_"], "secretName": "B_"}],
            "ingressClassName": "C_",
        },
        [
            (INVALID, "spec.tls[0].hosts[0]", '"A_"'),
            (INVALID, "spec.tls[0].secretName", '"B_"'),
            (INVALID, "spec.ingressClassName", '"C_"'),
        ],
    ),
    ("services", {}, [(REQUIRED, "spec.ports", "Required value")]),
    (
        "services",
        ports(PORT_80, {"port": 81}),
        [(REQUIRED, "spec.ports[0].name", ""), (REQUIRED, "spec.ports[1].name", "")],
    ),
    (
        "services",
        ports({"port": 80, "name": "a"}, {"port": 80, "name": "b"}),
        [(DUPLICATE, "spec.ports[1]", '"Port":80')],
    ),
    (
        "services",
        ports({"port": 80, "name": "a"}, {"port": 81, "name": "a"}),
        [(DUPLICATE, "spec.ports[1].name", '"a"')],
    ),
    (
        "services",
        ports({"port": 0}),
        [(INVALID, "spec.ports[0].port", ""), (INVALID, "spec.ports[0].targetPort", "")],
    ),
    (
        "services",
        ports({"port": 80, "protocol": "X"}),
        [(UNSUPPORTED, "spec.ports[0].protocol", '"SCTP", "TCP", "UDP"')],
    ),
    (
        "services",
        ports({"port": 80, "targetPort": "bad_name_too_long"}),
        [
            (INVALID, "spec.ports[0].targetPort", "no more than 15 characters"),
            (INVALID, "spec.ports[0].targetPort", "only alpha-numeric"),
        ],
    ),
    (
        "services",
        ports({"port": 80, "nodePort": 30080}),
        [(FORBIDDEN, "spec.ports[0].nodePort", "when `type` is 'ClusterIP'")],
    ),
    ("services", ports(PORT_80, type="Nope"), [(UNSUPPORTED, "spec.type", '"LoadBalancer"')]),
    ("services", {"type": "ExternalName"}, [(REQUIRED, "spec.externalName", "")]),
    (
        "services",
        ports(PORT_80, selector={"a b": "c d"}),
        [(INVALID, "spec.selector", '"a b"'), (INVALID, "spec.selector", '"c d"')],
    ),
    (
        "services",
        ports(PORT_80, clusterIP="1.2.3.4"),
        [(INVALID, "spec.clusterIPs", "is not in the valid range")],
    ),
    (
        "persistentvolumeclaims",
        {},
        [
            (REQUIRED, "spec.accessModes", "at least 1 access mode is required"),
            (REQUIRED, "spec.resources[storage]", ""),
        ],
    ),
    (
        "persistentvolumeclaims",
        claim(accessModes=["Nope"]),
        [(UNSUPPORTED, "spec.accessModes", '"ReadWriteOncePod"')],
    ),
    (
        "persistentvolumeclaims",
        claim(resources={"requests": {"storage": "0"}}),
        [(INVALID, "spec.resources[storage]", "must be greater than zero")],
    ),
    (
        "persistentvolumeclaims",
        claim(storageClassName="A_", volumeMode="X"),
        [
            (INVALID, "spec.storageClassName", "RFC 1123 subdomain"),
            (UNSUPPORTED, "spec.volumeMode", '"Block", "Filesystem"'),
        ],
    ),
    (
        "horizontalpodautoscalers",
        {"scaleTargetRef": TARGET},
        [
            (INVALID, "spec.maxReplicas", "greater than or equal to `minReplicas`"),
            (REQUIRED, "spec.maxReplicas", ""),
        ],
    ),
    (
        "horizontalpodautoscalers",
        {"scaleTargetRef": TARGET, "maxReplicas": 1, "minReplicas": 0},
        [(FORBIDDEN, "spec.metrics", "at least one Object or External metric")],
    ),
    (
        "horizontalpodautoscalers",
        {"scaleTargetRef": TARGET, "maxReplicas": 1, "metrics": cpu(type="Utilization")},
        [
            (
                REQUIRED,
                "spec.metrics[0].resource.target.averageUtilization",
                "must set either a target raw value or a target utilization",
            )
        ],
    ),
]
ENTRY = "a valid config key must consist of"
DATA: list[tuple[str, Object, list[tuple[str, str, str]]]] = [
    ("configmaps", {"data": {"a b": "c"}}, [(INVALID, "data[a b]", ENTRY)]),
    ("configmaps", {"data": {"..": "c"}}, [(INVALID, "data[..]", "must not be '..'")]),
    (
        "configmaps",
        {"data": {"a": "c"}, "binaryData": {"a": "YQ=="}},
        [(INVALID, "data[a]", "duplicate of key present in binaryData")],
    ),
    ("configmaps", {"data": {"a": "c" * 1048577}}, [(LONG, "[]", "1048576 bytes")]),
    ("secrets", {"stringData": {"a b": "c"}}, [(INVALID, "data[a b]", ENTRY)]),
    ("secrets", {"stringData": {"a": "c" * 1048577}}, [(LONG, "data", "1048576 bytes")]),
    (
        "secrets",
        {"type": "kubernetes.io/tls"},
        [(REQUIRED, "data[tls.crt]", ""), (REQUIRED, "data[tls.key]", "")],
    ),
    (
        "secrets",
        {
            "type": "kubernetes.io/dockerconfigjson",
            "stringData": {".dockerconfigjson": "x"},
        },
        [(INVALID, "data[.dockerconfigjson]", '"<secret contents redacted>"')],
    ),
]


def check(api: Api, plural: str, body: Object, causes: list[tuple[str, str, str]]) -> None:
    response = api.post(api.path(KINDS[plural][0], plural), body, dryRun="All")
    answer = response.json()
    if not causes:
        assert response.status_code == 201, answer
        return
    assert response.status_code == 422, answer
    found = answer["details"]["causes"]
    assert [(it["reason"], it["field"]) for it in found] == [cause[:2] for cause in causes]
    for cause, (_, _, words) in zip(found, causes, strict=True):
        assert words in cause["message"]


@pytest.mark.parametrize(("plural", "spec", "causes"), SPECS)
def test_specs(api: Api, plural: str, spec: Object, causes: list[tuple[str, str, str]]) -> None:
    check(api, plural, body_of(plural, spec=spec), causes)


@pytest.mark.parametrize(("plural", "data", "causes"), DATA)
def test_data(api: Api, plural: str, data: Object, causes: list[tuple[str, str, str]]) -> None:
    check(api, plural, body_of(plural, **data), causes)


@pytest.mark.parametrize(
    ("plural", "fields", "problem"),
    [
        ("configmaps", {"binaryData": {"a": "!"}}, "illegal base64 data at input byte 0"),
        ("secrets", {"data": {"a": "YQ="}}, "illegal base64 data at input byte"),
        (
            "persistentvolumeclaims",
            {"spec": claim(resources={"requests": {"storage": "x"}})},
            "quantities must match the regular expression",
        ),
    ],
)
def test_what_cannot_be_read(api: Api, plural: str, fields: Object, problem: str) -> None:
    response = api.post(api.path(CORE, plural), body_of(plural, **fields))
    assert response.status_code == 400
    assert problem in response.json()["message"]


def test_a_service_may_begin_with_a_digit(api: Api) -> None:
    body = body_of("services", "1a", spec=ports(PORT_80))
    assert api.create(CORE, "services", body)["metadata"]["name"] == "1a"
    response = api.post(api.path(CORE, "services"), body_of("services", "Bad", spec=ports(PORT_80)))
    assert "a lowercase RFC 1123 label" in response.json()["message"]


def test_a_service_keeps_its_address(api: Api) -> None:
    created = api.create(CORE, "services", body_of("services", spec=ports(PORT_80)))
    where = api.path(CORE, "services", "x")
    response = api.patch(where, {"spec": {"clusterIP": "10.96.250.251"}})
    assert response.status_code == 422
    assert "may not change once set" in response.json()["message"]
    exposed = api.patched(where, {"spec": {"type": "NodePort"}})
    assert exposed["spec"]["clusterIP"] == created["spec"]["clusterIP"]
    node_port = exposed["spec"]["ports"][0]["nodePort"]
    assert node_port >= 30000
    again = api.patched(where, {"metadata": {"labels": {"a": "b"}}})
    assert again["spec"]["ports"][0]["nodePort"] == node_port
    back = api.patched(where, {"spec": {"type": "ClusterIP"}})
    assert "nodePort" not in back["spec"]["ports"][0]


def test_what_may_not_change(api: Api) -> None:
    def refused(plural: str, body: Object, patch: Object, words: str) -> None:
        root, name = KINDS[plural][0], body["metadata"]["name"]
        api.create(root, plural, body)
        response = api.patch(api.path(root, plural, name), patch)
        assert response.status_code == 422
        assert words in response.json()["message"]

    frozen: Any = {"data": {"a": "1"}, "immutable": True}
    why = "Forbidden: field is immutable when `immutable` is set"
    refused("configmaps", body_of("configmaps", **frozen), {"data": {"a": "2"}}, f"data: {why}")
    body = body_of("configmaps", "y", **frozen)
    refused("configmaps", body, {"immutable": False}, f"immutable: {why}")
    refused("secrets", body_of("secrets"), {"type": "a/b"}, "type: Invalid value")
    wider = {"spec": {"accessModes": ["ReadWriteMany"]}}
    body = body_of("persistentvolumeclaims", spec=claim())
    refused("persistentvolumeclaims", body, wider, "spec is immutable after creation except")


def test_several_causes_come_together(api: Api) -> None:
    body = deployment("many", -1)
    body["spec"]["template"]["spec"]["containers"][0] |= {"name": "A_", "image": ""}
    response = api.apply(api.path(APPS, "deployments", "many"), body, "one", dryRun="All")
    assert response.status_code == 422
    fields = {cause["field"] for cause in response.json()["details"]["causes"]}
    container = "spec.template.spec.containers[0]"
    assert fields == {"spec.replicas", f"{container}.name", f"{container}.image"}


def test_an_empty_config_map_is_fine(api: Api) -> None:
    assert "data" not in api.create(CORE, "configmaps", config_map("x"))
