"""What every part of the server works with, put together once."""

import logging
from dataclasses import dataclass
from typing import Final

from authserver import config, serversecret
from authserver.addresses import Proxies
from authserver.audit import Audit, Line, Outcome, Stream
from authserver.auditfile import AuditFile
from authserver.auditstream import open_stream
from authserver.certificate import ServerCertificate
from authserver.clock import Clock
from authserver.config import Settings
from authserver.keys import Keyring
from authserver.metrics import Metrics
from authserver.once import Once
from authserver.pace import Pace
from authserver.passwords import Hasher
from authserver.refusals import Refusals
from authserver.serversecret import ServerSecret
from authserver.stores import Stores, StoreUnavailable, open_stores
from authserver.tokens import Verifier

_MOST_STRANGERS: Final = 1000

log = logging.getLogger("authserver")


@dataclass(frozen=True)
class Caller:
    """Where a request comes from. `client` is what it calls itself, for the list of sessions."""

    address: str
    client: str = ""


@dataclass(frozen=True)
class Service:
    """Settings, stores, keys and the rest.

    `issues` holds back sessions and API keys that get too many tokens,
    `pace` holds back who asks the journal too often, `volume` who writes too much into it;
    `strangers` are entries in it that are none of
    ours and have been audited. `certificate` is None for a server without one of its own.
    """

    settings: Settings
    clock: Clock
    stores: Stores
    keyring: Keyring
    verifier: Verifier
    secret: ServerSecret
    hasher: Hasher
    audit: Audit
    refusals: Refusals
    metrics: Metrics
    proxies: Proxies
    issues: Pace
    pace: Pace
    volume: Pace
    strangers: Once
    certificate: ServerCertificate | None

    @property
    def now(self) -> int:
        """Whole seconds since the epoch."""
        return int(self.clock())

    async def record(
        self,
        action: str,
        outcome: Outcome,
        caller: Caller,
        *,
        stream: Stream = "known",
        actor: str | None = None,
        reason: str | None = None,
        jti: str | None = None,
        **details: str | None,
    ) -> None:
        """Count something, and return when its audit line is kept.

        Raises StoreUnavailable or OSError: what cannot be audited is not to be acknowledged.
        """
        self.metrics.event(action, outcome)
        address = caller.address
        await self.audit.write(Line(action, outcome, stream, actor, address, reason, jti, details))

    def refuse(
        self,
        action: str,
        caller: Caller,
        *,
        actor: str | None = None,
        reason: str | None = None,
        **details: str | None,
    ) -> None:
        """Count that somebody was refused who has proved nothing.

        Such refusals of a minute become one line with their number.
        """
        self.metrics.event(action, "refused")
        line = Line(action, "refused", "strangers", actor, caller.address, reason, details=details)
        self.refusals.add(line)

    async def close(self) -> None:
        """Let go of everything."""
        self.hasher.close()
        await self.stores.close()
        try:
            await self.refusals.flush(closing=True)
        except (StoreUnavailable, OSError) as error:
            log.error("the last refusals are not audited: %s", error)
        await self.audit.close()


def assemble(settings: Settings, clock: Clock, *, publishes: bool = False) -> Service:
    """Open everything that the settings name; `publishes` says that the keys will be served.

    Raises InsecureFile, KeyFileError, CertificateError or StoreUnavailable with a sentence for
    whoever starts it.
    """
    config.check(settings)
    secret = serversecret.load(settings.path(settings.secret_file), mounted=settings.keys.mounted)
    keyring = Keyring(
        settings.path(settings.keys.directory),
        settings.keys,
        clock,
        settings.tokens.access_seconds,
        publishes=publishes,
    )
    hasher = Hasher(settings.passwords)
    metrics = Metrics()
    metrics.gauge(
        "leviathan_auth_password_checks_pending",
        "Passwords being checked or waiting for it.",
        lambda: hasher.pending,
    )
    metrics.gauge(
        "leviathan_auth_password_computations",
        "Argon2 computations since the start.",
        lambda: hasher.computations,
    )
    # A server begins before its stores answer; a command at the shell asks no more than it needs.
    held = publishes and not settings.development
    audit, refusals = _open_audit(settings, clock, held=held)
    return Service(
        settings=settings,
        clock=clock,
        stores=open_stores(settings, held=held),
        keyring=keyring,
        verifier=Verifier(settings.issuer, settings.all_audiences, keyring.keys, clock),
        secret=secret,
        hasher=hasher,
        audit=audit,
        refusals=refusals,
        metrics=metrics,
        proxies=Proxies(settings.listen.trusted_proxies),
        issues=Pace(settings.tokens.per_minute, clock),
        pace=Pace(settings.journal.per_minute, clock),
        volume=Pace(settings.journal.bytes_per_minute, clock),
        strangers=Once(_MOST_STRANGERS),
        certificate=_certificate(settings, metrics) if publishes else None,
    )


def _open_audit(settings: Settings, clock: Clock, *, held: bool) -> tuple[Audit, Refusals]:
    if settings.audit.backend == "redis":
        stream = open_stream(settings.audit, settings.path(""), clock, held=held)
        return stream, Refusals(stream, clock)
    file = AuditFile(
        settings.path(settings.audit.path),
        clock,
        max_bytes=settings.audit.max_bytes,
        keep=settings.audit.keep,
    )
    return file, Refusals(file, clock, file.append)


def _certificate(settings: Settings, metrics: Metrics) -> ServerCertificate | None:
    listen = settings.listen
    if listen.certificate is None or listen.private_key is None:
        return None
    certificate = ServerCertificate(
        settings.path(listen.certificate), settings.path(listen.private_key)
    )
    metrics.gauge(
        "leviathan_auth_certificate_ends_timestamp_seconds",
        "When the TLS certificate in use ends.",
        lambda: certificate.current.ends.timestamp(),
    )
    return certificate
