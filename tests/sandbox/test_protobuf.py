"""Objects in Kubernetes' protobuf encoding."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leviathan_sandbox import StatusError
from leviathan_sandbox.server.protobuf import decode_protobuf


def varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    encoded = b""
    while number > 127:
        encoded += bytes([number & 127 | 128])
        number >>= 7
    return encoded + bytes([number])


def field(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def body(api_version: str, kind: str, content: bytes) -> bytes:
    return b"k8s\0" + field(1, field(1, api_version) + field(2, kind)) + field(2, content)


def test_a_job() -> None:
    resources = field(1, field(1, "cpu") + field(2, field(1, "100m")))
    probe = field(1, field(2, field(1, "/ok") + field(2, field(1, 1) + field(3, "http"))))
    container = (
        field(1, "main")
        + field(2, "busybox:1.36")
        + field(3, "sh")
        + field(3, "-c")
        + field(8, resources)
        + field(11, probe + field(2, 5) + field(3, 0))
    )
    pod_spec = field(2, container) + field(3, "Never") + field(4, 0)
    template = field(2, pod_spec)
    spec = field(1, 0) + field(7, 0) + field(6, template)
    metadata = (
        field(1, "by-hand")
        + field(2, "")
        + field(8, field(1, 1_767_225_600))
        + field(12, field(1, "note") + field(2, ""))
        + field(13, field(1, "CronJob") + field(3, "it") + field(6, 1))
    )
    assert decode_protobuf(body("batch/v1", "Job", field(1, metadata) + field(2, spec))) == {
        "kind": "Job",
        "apiVersion": "batch/v1",
        "metadata": {
            "name": "by-hand",
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "annotations": {"note": ""},
            "ownerReferences": [{"kind": "CronJob", "name": "it", "controller": True}],
        },
        "spec": {
            "parallelism": 0,
            "backoffLimit": 0,
            "template": {
                "spec": {
                    "containers": [
                        {
                            "name": "main",
                            "image": "busybox:1.36",
                            "command": ["sh", "-c"],
                            "resources": {"limits": {"cpu": "100m"}},
                            "readinessProbe": {
                                "httpGet": {"path": "/ok", "port": "http"},
                                "initialDelaySeconds": 5,
                            },
                        }
                    ],
                    "restartPolicy": "Never",
                    "terminationGracePeriodSeconds": 0,
                }
            },
        },
    }


def test_secrets_are_base64_and_volumes_are_flat() -> None:
    data = field(2, field(1, "p") + field(2, b"\xff\x00"))
    assert decode_protobuf(body("v1", "Secret", data))["data"] == {"p": "/wA="}
    volume = field(1, "v") + field(2, field(2, field(1, "")))
    pod = decode_protobuf(body("v1", "Pod", field(2, field(1, volume))))
    assert pod["spec"]["volumes"] == [{"name": "v", "emptyDir": {}}]


def test_negative_numbers() -> None:
    content = decode_protobuf(body("apps/v1", "Deployment", field(2, field(1, -1))))
    assert content["spec"] == {"replicas": -1}


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"{}",
        b"k8s\0",
        b"k8s\0\xff\xff\xff",
        body("v1", "Unheard", b""),
        body("v1", "ConfigMap", b"\x0a\x7f"),
        body("v1", "ConfigMap", field(1, 7)),
        body("v1", "ConfigMap", b"\x0b"),
        body("v1", "ConfigMap", field(1, field(1, b"\xff\xfe"))),
    ],
)
def test_bytes_that_are_no_object(broken: bytes) -> None:
    with pytest.raises(StatusError) as refused:
        decode_protobuf(broken)
    assert refused.value.code == 400


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_refused(content: bytes) -> None:
    codes = []
    try:
        found = decode_protobuf(body("apps/v1", "Deployment", content))
    except StatusError as refused:
        codes.append(refused.code)
    assert codes == [400] or found["kind"] == "Deployment"
