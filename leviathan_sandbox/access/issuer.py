"""The issuer whose tokens the sandbox trusts."""

import msgspec


class Issuer(msgspec.Struct, frozen=True):
    """An OpenID Connect issuer, as an API server's AuthenticationConfiguration names one.

    Attributes:
        url: the issuer's address, exactly as its tokens and its discovery document have it. A real
            API server takes https only; this one also takes http, for an issuer on loopback.
        audience: what tokens have to name as their audience.
        ca_pem: the authority that vouches for the issuer, PEM; the system's authorities if None.
    """

    url: str
    audience: str
    ca_pem: str | None = None


class Rejected(Exception):
    """A token that stands for nobody."""
