"""What somebody types to name whose logs are meant, as in `app/web`."""

from typing import Final

import msgspec

from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.errors import KubeError
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.kube.naming import is_called

_APP: Final = "app"

_WORDS: Final[dict[str, tuple[Kind, ...]]] = {
    _APP: kinds.WORKLOADS,
    "cron": (kinds.CRON_JOB,),
    "run": (kinds.JOB,),
}
"""The console's own words for kinds."""

_KINDS: Final = (*kinds.WORKLOADS, kinds.CRON_JOB, kinds.JOB, kinds.POD)
"""The kinds that have logs, as kubectl spells them too."""


class TargetError(KubeError):
    """What was typed names nothing that has logs."""


class LogTarget(msgspec.Struct, frozen=True):
    """Which pods: those of one object, or those with certain labels."""

    kinds: tuple[Kind, ...] = ()
    name: str = ""
    selector: str = ""

    @property
    def words(self) -> str:
        """What is meant, as in `app web`."""
        if not self.kinds:
            return f"pods with {self.selector}"
        kind = _APP if len(self.kinds) > 1 else self.kinds[0].name
        return f"{kind} {self.name}"


def parse_target(text: str, selector: str = "") -> LogTarget:
    """Read `app/web`, `pod/web-1`, `cron/backup` or `web`, which is an app. Raises `TargetError`."""
    if selector:
        if text:
            raise TargetError("Name an object, or give a label selector with -l; not both.")
        return LogTarget(selector=selector)
    if not text:
        raise TargetError("Name what to read: app/NAME, pod/NAME, cron/NAME or run/NAME.")
    word, slash, name = text.partition("/")
    if not slash:
        return LogTarget(kinds.WORKLOADS, word)
    found = _WORDS.get(word.lower()) or _WORDS.get(word.lower().removesuffix("s"))
    found = found or tuple(kind for kind in _KINDS if is_called(kind, word))
    if not found or not name:
        known = [*_WORDS, *(kind.name.lower() for kind in _KINDS)]
        raise TargetError(f"{text!r} is not one of {', '.join(sorted(known))} with /NAME.")
    return LogTarget(found, name)
