"""What somebody types to name whose logs are meant, as in `app/web`."""

from typing import Final

import msgspec

from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.errors import KubeError
from leviathan_tui.backend.kube.kinds import Kind

KINDS: Final[dict[str, tuple[Kind, ...]]] = {
    "app": kinds.WORKLOADS,
    "deployment": (kinds.DEPLOYMENT,),
    "deploy": (kinds.DEPLOYMENT,),
    "statefulset": (kinds.STATEFUL_SET,),
    "sts": (kinds.STATEFUL_SET,),
    "daemonset": (kinds.DAEMON_SET,),
    "ds": (kinds.DAEMON_SET,),
    "cron": (kinds.CRON_JOB,),
    "cronjob": (kinds.CRON_JOB,),
    "cj": (kinds.CRON_JOB,),
    "run": (kinds.JOB,),
    "job": (kinds.JOB,),
    "pod": (kinds.POD,),
    "po": (kinds.POD,),
}
"""What can stand before the slash."""


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
        kind = "app" if len(self.kinds) > 1 else self.kinds[0].name
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
    found = KINDS.get(word.lower()) or KINDS.get(word.lower().removesuffix("s"))
    if found is None or not name:
        raise TargetError(f"{text!r} is not one of {', '.join(sorted(KINDS))} with /NAME.")
    return LogTarget(found, name)
