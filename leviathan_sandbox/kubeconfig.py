"""The kubeconfig with which others reach the sandbox."""

import base64
import os
import tempfile
from pathlib import Path

import yaml

from leviathan_sandbox.objects import Object


def kubeconfig(url: str, token: str, ca_pem: str) -> Object:
    """Return a kubeconfig with one context, called `sandbox`."""
    authority = base64.b64encode(ca_pem.encode()).decode()
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "sandbox",
                "cluster": {"server": url, "certificate-authority-data": authority},
            }
        ],
        "users": [{"name": "sandbox", "user": {"token": token}}],
        "contexts": [
            {
                "name": "sandbox",
                "context": {"cluster": "sandbox", "user": "sandbox", "namespace": "default"},
            }
        ],
        "current-context": "sandbox",
    }


def write_kubeconfig(path: Path, config: Object) -> None:
    """Write a kubeconfig that only its owner can read, all of it or nothing.

    Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)  # mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            yaml.safe_dump(config, file, sort_keys=False)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
