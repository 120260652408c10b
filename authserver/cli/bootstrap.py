"""`bootstrap`: what the Job of a new installation runs in a cluster."""

import argparse
import asyncio
import socket
from pathlib import Path
from typing import Final

from authserver.bootstrap.contents import Contradiction, Installation, parts_of
from authserver.bootstrap.filling import ClusterSecrets, FillingFailed, fill
from authserver.cli.context import CommandFailed, say

_NAMESPACE_FILE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_SERVICE: Final = "leviathan-auth"
_DNS_TRIES: Final = 30
_DNS_PAUSE: Final = 1.0


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add this command to the command line."""
    parser = commands.add_parser(
        "bootstrap", help="in a cluster: fill the installation's Secrets with what they lack"
    )
    parser.add_argument(
        "--auth-host",
        action="append",
        default=[],
        metavar="NAME",
        help="another DNS name or address of the auth server; can be given several times",
    )


def bootstrap(given: argparse.Namespace) -> None:
    """Fill the Secrets of this pod's namespace. Raises CommandFailed."""
    try:
        asyncio.run(_bootstrap(given.auth_host))
    except (Contradiction, FillingFailed) as error:
        raise CommandFailed(str(error)) from None


async def _bootstrap(auth_hosts: list[str]) -> None:
    from kubernetes.aio import client, config

    configuration = client.Configuration()
    # As Go does, which wrote the authorities of most clusters: RFC 5280's extensions may be missing.
    configuration.disable_strict_ssl_verification = True
    try:
        config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        namespace = _NAMESPACE_FILE.read_text().strip()
    except (config.ConfigException, OSError) as error:
        raise CommandFailed(f"bootstrap runs in a pod with a service account: {error}") from None
    hosts = [host for host in auth_hosts if host]
    hosts += await _service_addresses(f"{_SERVICE}.{namespace}.svc")
    async with client.ApiClient(configuration) as api:
        secrets = ClusterSecrets(namespace, client.CoreV1Api(api))
        await fill(secrets, parts_of(Installation(namespace, hosts)), say)
    say("Every Secret has what it needs.")


async def _service_addresses(name: str) -> list[str]:
    """Return the Service's own addresses, under which the API server reaches what it cannot name.

    DNS may be a moment behind a Service that was just made; without it, they are left out.
    """
    loop = asyncio.get_running_loop()
    for _ in range(_DNS_TRIES):
        try:
            answers = await loop.getaddrinfo(name, None, type=socket.SOCK_STREAM)
        except socket.gaierror:
            await asyncio.sleep(_DNS_PAUSE)
            continue
        return sorted({str(address[0]) for *_rest, address in answers})
    say(f"{name} has no address in DNS; the certificate is made without one")
    return []
