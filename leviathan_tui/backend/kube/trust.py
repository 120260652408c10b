"""TLS as Go does it: whom a server is believed to be, and the certificate that says who asks."""

import base64
import binascii
import os
import re
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from leviathan_tui.backend.kube.entries import Cluster
from leviathan_tui.backend.kube.errors import KubeconfigError
from leviathan_tui.backend.kube.files import opened
from leviathan_tui.backend.untrusted import clean

_CERTIFICATE: Final = re.compile(
    rb"-----BEGIN CERTIFICATE-----\s.*?-----END CERTIFICATE-----", re.DOTALL
)

_ENCRYPTED: Final = re.compile(
    rb"-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type:\s*4,\s*ENCRYPTED"
)

ENCRYPTED_KEY: Final = "the client key is encrypted, which kubectl refuses too"


def bytes_of(data: str, path: str, *, again: bool = False) -> bytes:
    """Return what a pair of kubeconfig fields holds: the data where there are any, else the file.

    `again` is for a file that was read before. Raises `KubeconfigError`.
    """
    if data:
        try:
            return base64.b64decode(data, validate=False)
        except (binascii.Error, ValueError) as error:
            raise KubeconfigError("certificate data are not base64") from error
    if not path:
        return b""
    try:
        with opened(path, again=again) as stream:
            return stream.read()
    except OSError as error:
        raise KubeconfigError(f"cannot read {clean(path, 200)}: {error.strerror}") from error


def server_context(cluster: Cluster, authority: bytes) -> ssl.SSLContext:
    """Return a context that trusts only `authority`, or the system's where the cluster names none.

    Raises `KubeconfigError` where one is named and has no certificate in it, as a file has none that
    is just being replaced.
    """
    if cluster.certificate_authority or cluster.certificate_authority_data:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        _trust(context, authority)
    else:
        context = ssl.create_default_context()
    # What the kubeconfig names is trusted as it is, be it an intermediate or the server's own.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    # A certificate's common name is no name of a server, not to Go either.
    context.hostname_checks_common_name = False
    if cluster.insecure_skip_tls_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _trust(context: ssl.SSLContext, authority: bytes) -> None:
    """Take in every certificate that can be read; the text between them may be anything."""
    found = 0
    for match in _CERTIFICATE.finditer(authority):
        try:
            context.load_verify_locations(cadata=ssl.PEM_cert_to_DER_cert(match[0].decode("ascii")))
        except (ssl.SSLError, ValueError):
            continue
        found += 1
    if not found:
        raise KubeconfigError("there is no certificate in the certificate authority")


def load_pair(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Have a context say who asks.

    OpenSSL takes certificate and key only from a file. Raises `KubeconfigError`, for an encrypted key
    too: nothing but the console talks to the terminal, and OpenSSL would ask there for the passphrase.
    """
    if _ENCRYPTED.search(key):
        raise KubeconfigError(ENCRYPTED_KEY)
    try:
        with _file_of(certificate + b"\n" + key) as path:
            context.load_cert_chain(path, password=_refuse)
    except (OSError, ssl.SSLError, ValueError) as error:
        why = getattr(error, "reason", None) or str(error)
        raise KubeconfigError(clean(why.lower().replace("_", " "), 200)) from error


@contextmanager
def _file_of(content: bytes) -> Iterator[str]:
    """Give a secret a path for a moment: one that is on no disk, else that of a file which is 0600."""
    if hasattr(os, "memfd_create") and os.path.isdir("/proc/self/fd"):
        with os.fdopen(os.memfd_create("leviathan"), "wb") as stream:
            stream.write(content)
            stream.flush()
            yield f"/proc/self/fd/{stream.fileno()}"
        return
    handle, path = tempfile.mkstemp(prefix="leviathan-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        yield path
    finally:
        os.unlink(path)


def _refuse() -> str:
    raise KubeconfigError(ENCRYPTED_KEY)
