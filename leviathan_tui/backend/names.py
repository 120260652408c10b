"""Which names Kubernetes takes (https://kubernetes.io/docs/concepts/overview/working-with-objects/names/)."""

import re
from typing import Final

_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def is_label(name: str) -> bool:
    """Whether a name is an RFC 1123 label, as a namespace's has to be."""
    return _LABEL.fullmatch(name) is not None
