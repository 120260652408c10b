"""A Redis that wants certificates."""

import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.authserver.helpers import RedisProcess
from tests.certificates import Authority, replace


class TlsRedis(RedisProcess):
    """A Redis on TLS that wants client certificates of `authority`, with the ACL user auth."""

    def __init__(
        self, directory: Path, authority: Authority, rules: Sequence[str], *options: str
    ) -> None:
        self.authority = authority
        certificate, key = authority.write(directory, "redis", "localhost", "127.0.0.1")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        super().__init__(
            directory,
            *("--tls-port", str(self.port), "--tls-ca-cert-file", str(authority.file)),
            *("--tls-cert-file", str(directory / certificate)),
            *("--tls-key-file", str(directory / key)),
            *("--user", "auth", "on", ">s3cret", *rules),
            *options,
        )

    def store(self, directory: Path, **more: Any) -> dict[str, Any]:
        """Settings of a store on this server, with their files in `directory`."""
        certificate, key = self.authority.write(directory, "client")
        replace(directory / "password", b"s3cret\n")
        return {
            "backend": "redis",
            "url": f"rediss://localhost:{self.port}",
            "username": "auth",
            "password_file": "password",
            "ca_file": str(self.authority.file),
            "certificate": certificate,
            "private_key": key,
            **more,
        }
