"""What an API server refuses about ConfigMaps, Secrets and claims to volumes.

Source: https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/
"""

import base64
import json
import re
from typing import Final

from leviathan_sandbox import quantities
from leviathan_sandbox.kinds import CONFIG_MAP, SECRET, VOLUME_CLAIM, Kind
from leviathan_sandbox.objects import Object, lookup, without
from leviathan_sandbox.status import (
    Cause,
    bad_request,
    forbidden_field,
    invalid_value,
    required,
    unsupported_value,
)
from leviathan_sandbox.validation import check_names, subdomain_problems

LARGEST: Final = 1024 * 1024
"""Bytes that the values of a ConfigMap or a Secret may have together."""
_TOO_LONG: Final = f"Too long: may not be more than {LARGEST} bytes"
_KEY: Final = re.compile("[-._a-zA-Z0-9]+")
_KEY_PROBLEM: Final = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name', "
    " or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
_NEEDED: Final = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
}
_CLAIM_UPDATES: Final = (
    "spec is immutable after creation except resources.requests and volumeAttributesClassName for"
    " bound claims"
)
_ACCESS_MODES: Final = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_VOLUME_MODES: Final = ("Block", "Filesystem")


def check_encodings(kind: Kind, obj: Object) -> None:
    """Refuse values that are not written in the form that they have to be.

    Raises StatusError (400).
    """
    problem = ""
    encoded = {CONFIG_MAP: "binaryData", SECRET: "data"}.get(kind)
    for text in (obj.get(encoded) or {}).values() if encoded else ():
        try:
            base64.b64decode(text, validate=True)
        except ValueError:
            wrong = re.search("[^A-Za-z0-9+/]", text)
            problem = f"illegal base64 data at input byte {wrong.start() if wrong else len(text)}"
    if kind is VOLUME_CLAIM:
        for text in (lookup(obj, "spec", "resources", "requests") or {}).values():
            try:
                quantities.parse(text)
            except ValueError:
                problem = (
                    "quantities must match the regular expression"
                    " '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
                )
    if problem:
        raise bad_request(
            f'{kind.name} in version "{kind.version}" cannot be handled as a {kind.name}: {problem}'
        )


def _check_keys(field: str, keys: Object) -> list[Cause]:
    causes = []
    for key in keys:
        problems = []
        if len(key) > 253:
            problems.append("must be no more than 253 bytes")
        if not _KEY.fullmatch(key):
            problems.append(_KEY_PROBLEM)
        if key in (".", ".."):
            problems.append(f"must not be '{key}'")
        elif key.startswith(".."):
            problems.append("must not start with '..'")
        causes += [invalid_value(f"{field}[{key}]", key, problem) for problem in problems]
    return causes


def check_config_map(obj: Object) -> list[Cause]:
    """Return the causes for refusing a ConfigMap's data."""
    data, binary = obj.get("data") or {}, obj.get("binaryData") or {}
    causes = _check_keys("data", data)
    causes += [
        invalid_value(f"data[{key}]", key, "duplicate of key present in binaryData")
        for key in data
        if key in binary
    ]
    causes += _check_keys("binaryData", binary)
    size = sum(len(text.encode()) for text in data.values())
    size += sum(len(base64.b64decode(text)) for text in binary.values())
    if size > LARGEST:
        causes.append(Cause("[]", "FieldValueTooLong", _TOO_LONG))
    return causes


def check_secret(obj: Object) -> list[Cause]:
    """Return the causes for refusing a Secret's data."""
    data, kind = obj.get("data") or {}, obj.get("type") or ""
    causes = _check_keys("data", data)
    if sum(len(base64.b64decode(text)) for text in data.values()) > LARGEST:
        causes.append(Cause("data", "FieldValueTooLong", _TOO_LONG))
    causes += [required(f"data[{key}]") for key in _NEEDED.get(kind, ()) if key not in data]
    if kind == "kubernetes.io/basic-auth" and not {"username", "password"} & set(data):
        causes += [required("data[username]"), required("data[password]")]
    for key in (".dockerconfigjson", ".dockercfg"):
        if key in data and key in _NEEDED.get(kind, ()):
            causes += _check_json(f"data[{key}]", base64.b64decode(data[key]))
    return causes


def _check_json(field: str, text: bytes) -> list[Cause]:
    try:
        json.loads(text)
    except ValueError as error:
        at = getattr(error, "pos", 0)
        found = text[at : at + 1].decode(errors="replace")
        problem = f"invalid character '{found}' looking for beginning of value"
        if not found:
            problem = "unexpected end of JSON input"
        return [invalid_value(field, "<secret contents redacted>", problem)]
    return []


def check_volume_claim(spec: Object) -> list[Cause]:
    """Return the causes for refusing a PersistentVolumeClaim's spec."""
    modes = spec.get("accessModes") or []
    causes = []
    if not modes:
        causes.append(required("spec.accessModes", "at least 1 access mode is required"))
    causes += [
        unsupported_value("spec.accessModes", mode, _ACCESS_MODES)
        for mode in modes
        if mode not in _ACCESS_MODES
    ]
    if "ReadWriteOncePod" in modes and len(modes) > 1:
        problem = "may not use ReadWriteOncePod with other access modes"
        causes.append(forbidden_field("spec.accessModes", problem))
    size = lookup(spec, "resources", "requests", "storage")
    if size is None:
        causes.append(required("spec.resources[storage]"))
    elif quantities.parse(size) <= 0:
        causes.append(invalid_value("spec.resources[storage]", size, "must be greater than zero"))
    storage_class = spec.get("storageClassName")
    if storage_class:
        causes += check_names("spec.storageClassName", storage_class, subdomain_problems)
    if spec.get("volumeMode") not in _VOLUME_MODES:
        causes.append(unsupported_value("spec.volumeMode", spec.get("volumeMode"), _VOLUME_MODES))
    return causes


def check_data_update(kind: Kind, new: Object, old: Object) -> list[Cause]:
    """Return the causes for refusing a change of a ConfigMap or a Secret."""
    causes = []
    if kind is SECRET and new.get("type") != old.get("type"):
        causes.append(invalid_value("type", new.get("type"), "field is immutable"))
    if old.get("immutable"):
        causes += [
            forbidden_field(field, "field is immutable when `immutable` is set")
            for field in ("immutable", "data", "binaryData")
            if new.get(field) != old.get(field)
        ]
    return causes


def check_volume_claim_update(new: Object, old: Object) -> list[Cause]:
    """Return the cause for refusing a change of a PersistentVolumeClaim's spec.

    What the API server adds to it, the difference of the specs, is left out.
    """
    is_bound = lookup(old, "status", "phase") == "Bound"
    free = ("resources", "volumeAttributesClassName") if is_bound else ()
    if without(new["spec"], "volumeName", *free) == without(old["spec"], "volumeName", *free):
        return []
    return [forbidden_field("spec", _CLAIM_UPDATES)]
