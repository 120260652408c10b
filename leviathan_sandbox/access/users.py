"""The identities that requests are made under.

Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#authentication-strategies
"""

from typing import Final

import msgspec

from leviathan_sandbox.objects import Object

AUTHENTICATED: Final = "system:authenticated"
UNAUTHENTICATED: Final = "system:unauthenticated"
MASTERS: Final = "system:masters"
"""The group that may do everything, whatever the roles say."""

SERVICE_ACCOUNT_PREFIX: Final = "system:serviceaccount:"


class User(msgspec.Struct, frozen=True):
    """Who makes a request."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: dict[str, list[str]] = {}

    def info(self) -> Object:
        """Return the user as `UserInfo` of authentication.k8s.io/v1."""
        info: Object = {"username": self.name}
        if self.uid:
            info["uid"] = self.uid
        if self.groups:
            info["groups"] = list(self.groups)
        if self.extra:
            info["extra"] = self.extra
        return info


ADMIN: Final = User("sandbox-admin", (MASTERS, AUTHENTICATED))
ANONYMOUS: Final = User("system:anonymous", (UNAUTHENTICATED,))


def service_account(name: str) -> tuple[str, str] | None:
    """Return namespace and name of the service account that a user name stands for, if it does."""
    if not name.startswith(SERVICE_ACCOUNT_PREFIX):
        return None
    namespace, colon, account = name.removeprefix(SERVICE_ACCOUNT_PREFIX).partition(":")
    if not (namespace and colon and account) or ":" in account:
        return None
    return namespace, account
