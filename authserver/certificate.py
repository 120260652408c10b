"""The server's own TLS certificate, and the addresses under which it may say that it is reached."""

import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Final, Self

from cryptography import x509

OLDEST_TLS: Final = ssl.TLSVersion.TLSv1_2

_LARGEST_PORT: Final = 65535
_HOST: Final = re.compile(
    r"(?:\[(?P<ipv6>[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]{1,40})\]|(?P<name>[A-Za-z0-9.-]{1,253}))"
    r"(?::(?P<port>[0-9]{1,5}))?",
    re.ASCII,
)


class CertificateError(Exception):
    """A certificate cannot be used; the text says which file and why."""


@dataclass(frozen=True)
class Certificate:
    """What the first certificate of a chain says: its subjectAltName, and when it ends."""

    names: frozenset[str]
    addresses: frozenset[IPv4Address | IPv6Address]
    ends: datetime

    @classmethod
    def parse(cls, pem: bytes) -> Self:
        """Read a PEM chain. Raises ValueError."""
        leaf = x509.load_pem_x509_certificates(pem)[0]
        try:
            found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            return cls(frozenset(), frozenset(), leaf.not_valid_after_utc)
        addresses = found.get_values_for_type(x509.IPAddress)
        return cls(
            frozenset(name.lower() for name in found.get_values_for_type(x509.DNSName)),
            frozenset(one for one in addresses if isinstance(one, IPv4Address | IPv6Address)),
            leaf.not_valid_after_utc,
        )

    def covers(self, host: str) -> bool:
        """Say whether a name or an address is in the certificate, letter for letter: no wildcards."""
        try:
            return ip_address(host) in self.addresses
        except ValueError:
            return host.lower() in self.names

    def authority(self, hosts: Sequence[str]) -> str | None:
        """Return the host and port of a request's Host headers, if the certificate vouches for it.

        None for anything else that a client may write there.
        """
        match = _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
        if match is None:
            return None
        host = match["ipv6"] or match["name"]
        if not self.covers(host):
            return None
        shown = f"[{ip_address(host)}]" if match["ipv6"] else host.lower()
        if match["port"] is None:
            return shown
        port = int(match["port"])
        return f"{shown}:{port}" if 0 < port <= _LARGEST_PORT else None


def read(chain: Path) -> Certificate:
    """Return what a PEM file says. Raises CertificateError."""
    try:
        return Certificate.parse(chain.read_bytes())
    except OSError as error:
        raise CertificateError(f"{chain}: {error.strerror}") from None
    except ValueError:
        raise CertificateError(f"{chain}: holds no PEM certificate") from None


class ServerCertificate:
    """A chain and its private key, PEM files that are replaced while the server runs.

    Raises CertificateError. `current` is what new connections are shown.
    """

    def __init__(self, chain: Path, key: Path) -> None:
        self._chain = chain
        self._key = key
        self._seen = self._read()
        self.current, self._context = self._load(self._seen)

    def attach(self, context: ssl.SSLContext) -> None:
        """Let each new connection of a server have the certificate of that moment."""
        # The chosen context is complete: no connection can meet a certificate without its key.
        context.sni_callback = self._choose

    def _choose(self, connection: ssl.SSLObject, _name: str, _context: ssl.SSLContext) -> None:
        connection.context = self._context

    def reload(self) -> bool:
        """Look at the files again, and say whether there is a new certificate.

        Raises CertificateError, once for each state of the files that cannot be used; what was
        loaded before stays in use then.
        """
        found = self._read()
        if found == self._seen:
            return False
        self._seen = found
        self.current, self._context = self._load(found)
        return True

    def _read(self) -> tuple[bytes, bytes]:
        try:
            return self._chain.read_bytes(), self._key.read_bytes()
        except OSError as error:
            raise CertificateError(f"{error.filename}: {error.strerror}") from None

    def _load(self, content: tuple[bytes, bytes]) -> tuple[Certificate, ssl.SSLContext]:
        try:
            parsed = Certificate.parse(content[0])
        except ValueError:
            raise CertificateError(f"{self._chain}: holds no PEM certificate") from None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = OLDEST_TLS
        try:
            context.load_cert_chain(self._chain, self._key)
        except (OSError, ValueError) as error:  # an SSLError is an OSError
            reason = getattr(error, "reason", None) or type(error).__name__
            raise CertificateError(
                f"{self._chain} and {self._key} do not go together: {reason}"
            ) from None
        if self._read() != content:
            self._seen = (b"", b"")
            raise CertificateError(f"{self._chain}: was replaced while it was read")
        return parsed, context
