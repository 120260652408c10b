"""What an operation of the interface is: its route, its body, its answer, and who may call it."""

import enum
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import msgspec

from authserver.bodies import LARGEST_BODY
from authserver.errors import Unauthorized
from authserver.service import Caller, Service
from authserver.stores import User
from authserver.tokens import Claims
from authserver.wire import Answer, Request


class Access(enum.Enum):
    """Who may call an operation."""

    OPEN = enum.auto()
    """Anybody: the body itself proves something, or there is nothing to protect."""
    ANY_TOKEN = enum.auto()
    """Whoever has an access token of ours, for whatever audience."""
    OWN_TOKEN = enum.auto()
    """An access token whose audience is this server itself.

    A token that was sent to a cluster is seen by that cluster's administrators; it must not open
    the account that it came from.
    """
    INTROSPECTION = enum.auto()
    """An own token, or an API key that was made for introspection."""


@dataclass(frozen=True)
class Call:
    """One request, after its sender has been authenticated as far as `Access` asks."""

    service: Service
    caller: Caller
    body: Request | None
    path: dict[str, str]
    claims: Claims | None
    user: User | None
    query: Request | None = None

    @property
    def own(self) -> User:
        """The user of the token. Raises Unauthorized when there is none."""
        if self.user is None:
            raise Unauthorized("no user")
        return self.user

    @property
    def granted(self) -> Claims:
        """The claims of the token. Raises Unauthorized when there is none."""
        if self.claims is None:
            raise Unauthorized("no token")
        return self.claims


Handler: TypeAlias = Callable[[Call, Any], Awaitable[Answer | None]]


@dataclass(frozen=True)
class Operation:
    """A route. `handle` gets the call and its body; its None is an answer without a body.

    `query` is what may be asked for behind the question mark, `largest` the bytes of a body.
    """

    method: str
    path: str
    summary: str
    handle: Handler
    body: type[Request] | None = None
    answer: type[Answer] | None = None
    status: int = 200
    access: Access = Access.OPEN
    form: bool = False
    query: type[Request] | None = None
    largest: int = LARGEST_BODY


NO_CONTENT: Final = 204


ENCODER: Final = msgspec.json.Encoder()
