"""A redis-server as a team runs it: TLS only, certificates from clients too, and one narrow user."""

import socket
from pathlib import Path
from typing import Final, Self

from leviathan_tui.backend.snapshots.redis import PREFIX
from tests.authserver.helpers import RedisProcess
from tests.certificates import Authority

USER: Final = "console"


class GuardedRedis:
    """The server, its authority, and the file that has the user's password."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        certificate, key = self.authority.write(folder, "redis", "127.0.0.1")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.process = RedisProcess(
            folder,
            *("--tls-port", str(self.port), "--tls-auth-clients", "yes"),
            *("--tls-ca-cert-file", str(self.authority.file)),
            *("--tls-cert-file", str(folder / certificate), "--tls-key-file", str(folder / key)),
        )
        self.password_file = folder / "password"
        files = self.authority.write(folder, "console")
        self.certificate, self.key = (folder / name for name in files)
        self.use_password("first secret")

    def use_password(self, password: str) -> None:
        """Replace the user's password, at the server and in the file."""
        with self.process.client() as client:
            client.acl_setuser(
                USER,
                enabled=True,
                reset_passwords=True,
                passwords=[f"+{password}"],
                keys=[f"{PREFIX}*"],
                commands=["+set", "+del", "+getrange"],
            )
        self.password_file.write_text(f"{password}\n")

    @property
    def url(self) -> str:
        """The address with everything that this server asks for."""
        return (
            f"{self.url_without_certificate}&ssl_certfile={self.certificate}&ssl_keyfile={self.key}"
        )

    @property
    def url_without_certificate(self) -> str:
        """The address of somebody who has the password and no certificate."""
        place = f"rediss://{USER}@127.0.0.1:{self.port}"
        return f"{place}?password_file={self.password_file}&ssl_ca_certs={self.authority.file}"

    def lives(self) -> dict[str, int]:
        """Return for how many milliseconds each key still lives; -1 for ever."""
        with self.process.client() as client:
            keys: list[bytes] = client.keys("*")
            return {key.decode(): int(client.pttl(key)) for key in keys}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.close()
