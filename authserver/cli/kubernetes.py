"""`authentication-config`: the file with which an API server trusts this server's tokens."""

import argparse
import sys
from pathlib import Path

from authserver import kubernetes
from authserver.certificate import Certificate, read
from authserver.cli.context import CommandFailed
from authserver.config import Settings
from authserver.kubernetes import Discovery, NotPossible


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add this command to the command line."""
    config_parser = commands.add_parser(
        "authentication-config", help="print what a Kubernetes API server has to be told"
    )
    config_parser.add_argument(
        "--discovery-url", metavar="URL", help="where the API server reads discovery"
    )
    config_parser.add_argument(
        "--audience", action="append", metavar="NAME", help="the cluster's own; default: all"
    )
    config_parser.add_argument(
        "--ca", type=Path, metavar="FILE", help="PEM of the authority (default: listen.ca_file)"
    )
    config_parser.set_defaults(run=print_configuration)


def print_configuration(given: argparse.Namespace, settings: Settings) -> None:
    """Write the file to standard output. Raises CommandFailed, CertificateError."""
    if not settings.issuer.startswith("https:"):
        raise CommandFailed("an API server takes tokens only of an https issuer")
    audiences = given.audience or list(settings.audiences)
    for name in audiences:
        if name not in settings.audiences:
            raise CommandFailed(f"{name} is no audience of the settings")
    if not audiences:
        raise CommandFailed("the settings have no audiences: give the cluster one of its own")
    authority = _authority(given.ca, settings)
    try:
        discovery = _discovery(given.discovery_url, settings)
    except NotPossible as error:
        raise CommandFailed(str(error)) from None
    text = kubernetes.authentication_config(settings.issuer, discovery, audiences, authority)
    sys.stdout.write(text)


def _authority(given: Path | None, settings: Settings) -> str:
    path = given
    if path is None and settings.listen.ca_file is not None:
        path = settings.path(settings.listen.ca_file)
    if path is None:
        raise CommandFailed(
            "the API server has to know who signed the certificate: say --ca FILE, or set listen.ca_file"
        )
    try:
        return kubernetes.certificates_in(path.read_bytes())
    except ValueError:
        raise CommandFailed(f"{path}: holds no PEM certificate") from None


def _discovery(url: str | None, settings: Settings) -> Discovery:
    certificate = _certificate(settings)
    if url is not None:
        return kubernetes.discovery_given(settings.issuer, url, certificate)
    if certificate is None:
        return Discovery(
            None, "A proxy ends TLS. The API server has to reach the issuer under its name."
        )
    addresses = kubernetes.resolve(settings.issuer)
    return kubernetes.discovery_at(settings.issuer, addresses, certificate)


def _certificate(settings: Settings) -> Certificate | None:
    listen = settings.listen
    if listen.certificate is None or listen.behind_tls_proxy:
        return None
    return read(settings.path(listen.certificate))
