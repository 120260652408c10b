"""How often somebody may be wrong, without anybody being able to lock somebody else out.

Three counters stand before a password: one per user and network, one per user over all networks
that the user has never logged in from, and one per network over all users. A user who comes from
a network that is known for them is not held back by what strangers do; a running session needs no
password at all.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from authserver.addresses import network_of
from authserver.config import LimitSettings
from authserver.stores import Limit, SessionStore

KNOWN_SECONDS: Final = 30 * 86400
"""How long a network stays known after a login from it."""

_TOTP_TRIES: Final = 5
_TOTP_FIRST_WAIT: Final = 60


@dataclass(frozen=True)
class Gate:
    """The counters that one login passes."""

    own: Limit
    others: tuple[Limit, ...]


async def login_gate(
    settings: LimitSettings, store: SessionStore, user: str, address: str, now: float
) -> Gate:
    """Return the counters for a login of `user` from `address`."""
    network = network_of(address)

    def limit(key: str, allowed: int) -> Limit:
        return Limit(key, allowed, 1, settings.longest_wait, settings.forget_after)

    others = [limit(f"network:{network}", settings.per_address)]
    if not await store.marked(_known(user, network), now):
        others.append(limit(f"strangers:{user}", settings.per_user_from_strangers))
    own = limit(f"user:{user}:{network}", settings.per_user_and_address)
    return Gate(own, tuple(others))


async def attempt(store: SessionStore, gate: Gate, now: float) -> float:
    """Count the login as failed beforehand, so that parallel guesses cannot slip through.

    Returns 0, or the seconds to wait when it may not be tried now.
    """
    return await store.attempt([gate.own, *gate.others], now)


async def take_back(store: SessionStore, gate: Gate) -> None:
    """Undo the count of a login that was not decided."""
    await store.forgive([gate.own.key, *(limit.key for limit in gate.others)])


async def succeeded(store: SessionStore, gate: Gate, user: str, address: str, now: float) -> None:
    """Undo the count, forget the user's own failures from here, and know the network from now on.

    The shared counters lose only this one attempt: otherwise whoever has one account could use it
    to wipe out the guesses at others.
    """
    await asyncio.gather(
        store.clear([gate.own.key]),
        store.forgive([limit.key for limit in gate.others]),
        store.mark(_known(user, network_of(address)), now, KNOWN_SECONDS),
    )


def _known(user: str, network: str) -> str:
    return f"known:{user}:{network}"


def totp_limit(settings: LimitSettings, user: str) -> Limit:
    """Return the counter of wrong codes. Only somebody with the right password ever reaches it."""
    return Limit(
        f"totp:{user}",
        _TOTP_TRIES,
        _TOTP_FIRST_WAIT,
        max(settings.longest_wait, _TOTP_FIRST_WAIT),
        settings.forget_after,
    )


def password_limit(settings: LimitSettings, user: str) -> Limit:
    """Return the counter for passwords that are asked for again within a session."""
    return Limit(
        f"again:{user}",
        settings.per_user_and_address,
        1,
        settings.longest_wait,
        settings.forget_after,
    )


def network_limit(settings: LimitSettings, purpose: str, address: str) -> Limit:
    """Return the counter of a network for guesses that name no user: refresh tokens, keys, codes."""
    return Limit(
        f"{purpose}:{network_of(address)}",
        settings.per_address,
        1,
        settings.longest_wait,
        settings.forget_after,
    )
