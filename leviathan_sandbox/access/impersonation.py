"""Acting as somebody else, by the `Impersonate-…` headers.

The constrained forms are tried first, one for service accounts and one for other users, and then the
one that has always been there; of several refusals the first is told. Nodes have no form of their own
here.

Source: https://kubernetes.io/docs/reference/access-authn-authz/user-impersonation/
"""

from typing import Final
from urllib.parse import unquote

import msgspec
from multidict import CIMultiDictProxy

from leviathan_sandbox.access.attributes import Attributes
from leviathan_sandbox.access.rbac import Authorizer
from leviathan_sandbox.access.users import (
    ANONYMOUS,
    AUTHENTICATED,
    UNAUTHENTICATED,
    User,
    service_account,
)
from leviathan_sandbox.status import StatusError, bad_request

_GROUP: Final = "authentication.k8s.io"
_EXTRA: Final = "impersonate-extra-"


def impersonated(
    authorizer: Authorizer,
    user: User,
    headers: CIMultiDictProxy[str],
    attributes: Attributes,
) -> User:
    """Return the user whom a request is to be made as: the one its headers name, or `user`.

    Raises StatusError: 403 where `user` may not act as that one, 400 for headers without a name.
    """
    wanted = _wanted(headers)
    if wanted is None:
        return user
    account = service_account(wanted.name)
    only_name = wanted == User(wanted.name)
    checks = [_legacy(wanted)]
    if account is None or only_name:
        mode = "user-info" if account is None else "serviceaccount"
        on = msgspec.structs.replace(attributes, verb=f"impersonate-on:{mode}:{attributes.verb}")
        constrained = [
            msgspec.structs.replace(check, verb=f"impersonate:{mode}", group=_GROUP)
            for check in _legacy(wanted)
        ]
        checks.insert(0, [on, *constrained])
    refusal: StatusError | None = None
    for needed in checks:
        try:
            for check in needed:
                authorizer.check(user, check)
        except StatusError as error:
            refusal = refusal or error
        else:
            return _complete(wanted)
    raise refusal or StatusError(500, "", "all impersonation modes failed")


def _wanted(headers: CIMultiDictProxy[str]) -> User | None:
    name, uid = headers.get("Impersonate-User", ""), headers.get("Impersonate-Uid", "")
    groups = tuple(headers.getall("Impersonate-Group", []))
    extra: dict[str, list[str]] = {}
    for header, value in headers.items():
        if header.lower().startswith(_EXTRA):
            extra.setdefault(unquote(header.lower().removeprefix(_EXTRA)), []).append(value)
    if name:
        return User(name, groups, uid, extra)
    if groups or uid or extra:
        raise bad_request("requested groups, uid or extra without impersonating a user name")
    return None


def _legacy(wanted: User) -> list[Attributes]:
    """Return what has to be allowed in the form that has always been there."""
    account = service_account(wanted.name)
    if account is None:
        checks = [Attributes("impersonate", resource="users", name=wanted.name)]
    else:
        namespace, name = account
        checks = [
            Attributes("impersonate", resource="serviceaccounts", namespace=namespace, name=name)
        ]
    if wanted.uid:
        checks.append(Attributes("impersonate", group=_GROUP, resource="uids", name=wanted.uid))
    checks += [Attributes("impersonate", resource="groups", name=group) for group in wanted.groups]
    checks += [
        Attributes("impersonate", group=_GROUP, resource="userextras", subresource=key, name=value)
        for key, values in wanted.extra.items()
        for value in values
    ]
    return checks


def _complete(wanted: User) -> User:
    """Return the user with the groups that everyone of their sort is in."""
    groups = wanted.groups
    account = service_account(wanted.name)
    if account is not None and not groups:
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{account[0]}")
    added = UNAUTHENTICATED if wanted.name == ANONYMOUS.name else AUTHENTICATED
    if added not in groups and UNAUTHENTICATED not in groups:
        groups = (*groups, added)
    return msgspec.structs.replace(wanted, groups=groups)
