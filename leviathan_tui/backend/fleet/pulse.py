"""Whether the server is there, and whether this machine was: two questions beside the watches.

A watch can be silent for a minute, and a server that hangs, a link that drops everything and a
machine that slept are as silent.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from leviathan_tui.backend.kube import errors
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.pace import Pace

_log = logging.getLogger("leviathan.feed")

QUESTION: Final = "/version"
"""What is asked for to see whether the server answers."""

JUMP: Final = 10.0
"""Seconds by which the clocks differ where the machine slept, or its clock was set."""

Clock = Callable[[], float]


class Pulse:
    """Tells when the server does not answer, and when every connection is to be doubted."""

    def __init__(
        self,
        client: KubeClient,
        pace: Pace,
        away: Callable[[errors.KubeError], object],
        doubt: Callable[[], object],
        heard: Callable[[], int],
        wall: Clock = time.time,
        monotonic: Clock = time.monotonic,
    ) -> None:
        """`away` is called while the server does not answer, `doubt` once it may have been away.

        `heard` counts what the watches have heard: that is an answer, too.
        """
        self._client = client
        self._pace = pace
        self._away = away
        self._doubt = doubt
        self._heard = heard
        self._wall = wall
        self._monotonic = monotonic
        self._silent = False
        """Whether the server did not answer when it was asked last."""

    async def ask(self) -> None:
        """Ask the server for nothing much, again and again."""
        while True:
            await asyncio.sleep(self._pace.pulse)
            heard = self._heard()
            try:
                await self._client.read(QUESTION, accept="*/*", read_timeout=self._pace.pulse_wait)
            except errors.NotKubernetes as error:
                # Gateways that let the API through may keep other paths for themselves: whether the
                # API is behind them the watches will tell.
                _log.debug("%s: %s", QUESTION, error)
            except errors.Unreachable as error:
                if self._heard() == heard:
                    self._silent = True
                    self._away(error)
                    continue
                _log.debug("%s: %s; but the watches go on", QUESTION, error)
            except errors.KubeError:
                # A refusal is an answer.
                _log.debug("%s was refused", QUESTION)
            except Exception:
                # A defect of ours must not end this for good.
                _log.exception("whether the server answers cannot be told")
                continue
            if self._silent:
                self._silent = False
                self._doubt()

    async def compare(self) -> None:
        """Compare the clock on the wall with the one that only counts while the machine is awake."""
        ahead = self._wall() - self._monotonic()
        while True:
            await asyncio.sleep(self._pace.clocks)
            now = self._wall() - self._monotonic()
            if abs(now - ahead) > JUMP:
                _log.info("the clock jumped by %.0f s: all watches begin anew", now - ahead)
                self._doubt()
            ahead = now
