"""Lets requests in: who makes them, as whom, and whether that one may.

Source: https://kubernetes.io/docs/concepts/security/controlling-access/
"""

import hmac

from aiohttp import web

from leviathan_sandbox.access.attributes import forbidden, request_attributes
from leviathan_sandbox.access.impersonation import impersonated
from leviathan_sandbox.access.issuer import Issuer, Rejected
from leviathan_sandbox.access.rbac import Authorizer
from leviathan_sandbox.access.users import ADMIN, ANONYMOUS, User
from leviathan_sandbox.cluster import Cluster
from leviathan_sandbox.status import unauthorized


class Entrance:
    """Authentication, impersonation and authorization.

    Parameters:
        cluster: whose roles and bindings decide.
        token: the bearer token that stands for the administrator.
        issuer: whose tokens are taken too.
    """

    def __init__(self, cluster: Cluster, token: str, issuer: Issuer | None) -> None:
        self.authorizer = Authorizer(cluster.storage)
        self._token = token
        self._tokens = None
        if issuer is not None:
            # It takes a noticeable part of the start to import what reads tokens.
            from leviathan_sandbox.access.tokens import TokenAuthenticator

            self._tokens = TokenAuthenticator(issuer, cluster.clock)

    async def admit(self, request: web.Request) -> User:
        """Return the user that a request is made as.

        Raises StatusError: 401 for credentials that stand for nobody, 403 for what the user may not
        do.
        """
        attributes = request_attributes(request.method, request.path, request.query)
        user = await self._authenticate(request)
        user = impersonated(self.authorizer, user, request.headers, attributes)
        decision = self.authorizer.decide(user, attributes)
        if not decision.allowed:
            raise forbidden(user.name, attributes, decision.reason)
        return user

    async def _authenticate(self, request: web.Request) -> User:
        """Return who a request comes from; wrong credentials are refused where none would do."""
        if "Authorization" not in request.headers:
            return ANONYMOUS
        scheme, _, token = request.headers["Authorization"].partition(" ")
        if scheme.lower() == "bearer" and token.isascii():
            if hmac.compare_digest(token.encode(), self._token.encode()):
                return ADMIN
            if self._tokens is not None:
                try:
                    return await self._tokens.user_of(token)
                except Rejected:
                    pass
        raise unauthorized()
