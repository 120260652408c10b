"""Which names Kubernetes takes (https://kubernetes.io/docs/concepts/overview/working-with-objects/names/)."""

import re
from typing import Final

_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def is_label(name: str) -> bool:
    """Whether a name is an RFC 1123 label, as a namespace's has to be."""
    return _LABEL.fullmatch(name) is not None


def is_subdomain(name: str) -> bool:
    """Whether a name is an RFC 1123 subdomain, as most objects' names have to be."""
    return len(name) <= 253 and _SUBDOMAIN.fullmatch(name) is not None


def leads_elsewhere(name: str) -> bool:
    """Whether a name, put into an address, would make it that of something else."""
    return name in ("", ".", "..") or bool(set(name) & set("/?#%"))
