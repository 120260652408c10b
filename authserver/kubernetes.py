"""What a Kubernetes API server has to be told so that it accepts this server's tokens.

https://kubernetes.io/docs/reference/access-authn-authz/authentication/#using-authentication-configuration
"""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

import yaml
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from authserver.addresses import is_loopback
from authserver.certificate import Certificate

DISCOVERY: Final = "/.well-known/openid-configuration"

_DEFAULT_PORT: Final = 443
_PLACES: Final = """\
Written by `leviathan-auth authentication-config`. The API server reads this file itself; it is not for
kubectl apply. The flag --authentication-config names it, in place of all --oidc-… flags; later changes
of the file need no restart. Kubernetes before 1.34 calls it apiserver.config.k8s.io/v1beta1.

kubeadm  to /etc/kubernetes/authentication/config.yaml on every control plane node; in the
         ClusterConfiguration for `kubeadm init --config` (on a running node the same in
         /etc/kubernetes/manifests/kube-apiserver.yaml), under apiServer:
           extraArgs: [{name: authentication-config, value: /etc/kubernetes/authentication/config.yaml}]
           extraVolumes: [{name: authentication, readOnly: true, pathType: Directory,
             hostPath: /etc/kubernetes/authentication, mountPath: /etc/kubernetes/authentication}]
k3s      to /etc/rancher/k3s/authentication.yaml on every server; in /etc/rancher/k3s/config.yaml
           kube-apiserver-arg: ["authentication-config=/etc/rancher/k3s/authentication.yaml"]
         then restart k3s
kind     extraMounts of the control plane's node puts the directory with the file to
         /etc/kubernetes/authentication; kubeadmConfigPatches has a ClusterConfiguration as for kubeadm
Talos    1.14 and newer: the document KubeAuthenticationConfig of the machine configuration; older:
         machine.files writes the file, cluster.apiServer.extraArgs and extraVolumes name it
EKS      takes no such file, but an OIDC identity provider (`aws eks associate-identity-provider-config`)
         with an issuer that the internet can reach and a certificate that is not self-signed
AKS      takes no such file, but issuer and rules like these (`az aks jwtauthenticator add`, a preview),
         with an issuer that Azure can reach
GKE      takes no such file, and its own ways (Workforce Identity Federation) need a login in a browser
Where none of that is possible, use `identity: impersonate` in the console's settings, and
k8s/impersonation.yaml."""


class NotPossible(Exception):
    """No usable configuration can be made; the text says what is missing and what to do."""


@dataclass(frozen=True)
class Discovery:
    """Where the API server reads discovery. Without a URL that is the issuer; `note` says why."""

    url: str | None
    note: str


class _Block(str):
    """Text that YAML shows line by line."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.add_representer(
    _Block,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style="|"),
)


def resolve(issuer: str) -> list[str]:
    """Return the IP addresses of the issuer's host, none if it has no name or none is known."""
    parts = urlsplit(issuer)
    host = parts.hostname or ""
    if is_loopback(host) or _is_address(host):
        return []
    try:
        found = socket.getaddrinfo(host, parts.port or _DEFAULT_PORT, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def discovery_at(issuer: str, addresses: Sequence[str], certificate: Certificate) -> Discovery:
    """Return discovery at the first of the issuer's addresses, which must be in the certificate.

    Raises NotPossible.
    """
    parts = urlsplit(issuer)
    if not addresses:
        return Discovery(
            None,
            f"There is no discoveryURL: {parts.hostname} does not resolve here to an address of its"
            " own. The API server has to reach the issuer under its name.",
        )
    for address in addresses:
        if certificate.covers(address):
            shown = f"[{address}]" if ":" in address else address
            port = parts.port or _DEFAULT_PORT
            return Discovery(
                f"https://{shown}:{port}{parts.path}{DISCOVERY}",
                f"{parts.hostname} is {address}; the control plane often cannot resolve that name.",
            )
    raise NotPossible(
        f"{parts.hostname} is {', '.join(addresses)}, which is not in the server's certificate. Add"
        " the address to its subjectAltName; or, where the API server can resolve the name itself,"
        f" say --discovery-url {issuer}{DISCOVERY}"
    )


def discovery_given(issuer: str, url: str, certificate: Certificate | None) -> Discovery:
    """Return discovery at a URL that was asked for. Raises NotPossible."""
    if url == issuer + DISCOVERY:
        return Discovery(None, "The API server has to reach the issuer under its name.")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise NotPossible("--discovery-url is no URL") from None
    if parts.scheme != "https" or not parts.hostname or not parts.path.endswith(DISCOVERY):
        raise NotPossible(f"--discovery-url is https://…{DISCOVERY}")
    if parts.username is not None or "?" in url or "#" in url:
        raise NotPossible("--discovery-url has no user, query or fragment")
    if certificate is not None and not certificate.covers(parts.hostname):
        raise NotPossible(
            f"{parts.hostname} is not in the server's certificate: add it to its subjectAltName, or"
            " the API server will not believe it"
        )
    return Discovery(url, f"The API server reaches the issuer at {parts.netloc}.")


def certificates_in(pem: bytes) -> str:
    """Return the certificates of a PEM file and nothing else of it. Raises ValueError."""
    found = x509.load_pem_x509_certificates(pem)
    return "".join(one.public_bytes(Encoding.PEM).decode() for one in found)


def authentication_config(
    issuer: str, discovery: Discovery, audiences: Sequence[str], authority: str
) -> str:
    """Return the AuthenticationConfiguration as YAML, with where it goes above it."""
    named: dict[str, Any] = {"url": issuer}
    if discovery.url is not None:
        named["discoveryURL"] = discovery.url
    named["audiences"] = list(audiences)
    notes = [_PLACES, "", discovery.note]
    if len(audiences) > 1:
        named["audienceMatchPolicy"] = "MatchAny"
        notes.append(
            "Leave only this cluster's own audiences in (--audience): a token for one cluster"
        )
        notes.append("is no good at another.")
    named["certificateAuthority"] = _Block(authority)
    prefix = "leviathan:"
    rules = {
        "claimMappings": {
            "username": {"claim": "sub", "prefix": prefix},
            "groups": {"claim": "groups", "prefix": prefix},
        },
        "claimValidationRules": [
            {
                "expression": "has(claims.nbf) && claims.exp - claims.nbf <= 900",
                "message": "token lives too long",
            },
        ],
        "userValidationRules": [
            {
                "expression": "!user.username.startsWith('system:')",
                "message": "a token may not name a system user",
            },
            {
                "expression": "user.groups.all(g, !g.startsWith('system:'))",
                "message": "a token may not name a system group",
            },
        ],
    }
    document = {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AuthenticationConfiguration",
        "jwt": [{"issuer": named, **rules}],
    }
    comment = "".join(f"# {line}".rstrip() + "\n" for line in "\n".join(notes).splitlines())
    return comment + yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=110)
