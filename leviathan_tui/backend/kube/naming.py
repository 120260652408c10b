"""Which object somebody means who types a name: kinds in their spellings, and names that several have.

Source: https://kubernetes.io/docs/reference/kubectl/#resource-types
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import Forbidden, KubeError, NotFound
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.names import leads_elsewhere

SHORT: Final[dict[str, Kind]] = {
    "deploy": kinds.DEPLOYMENT,
    "sts": kinds.STATEFUL_SET,
    "ds": kinds.DAEMON_SET,
    "cj": kinds.CRON_JOB,
    "po": kinds.POD,
}
"""kubectl's short names."""


class Ambiguous(KubeError):
    """Several objects have the name."""


def is_called(kind: Kind, word: str) -> bool:
    """Whether a word names a kind as kubectl takes it: `deployment`, `deployments.apps`, `deploy`."""
    word, _, group = word.lower().partition(".")
    if group not in ("", kind.group):
        return False
    return word in (kind.name.lower(), kind.plural) or SHORT.get(word) == kind


async def named(
    client: KubeClient, candidates: Sequence[Kind], namespace: str, name: str
) -> tuple[Kind, bytes] | None:
    """Return the one object of these kinds that has a name, and its kind; None where there is none.

    A kind that may not be read is passed over where another has the name. Raises `Ambiguous` where
    several have it, and `KubeError`.
    """
    if leads_elsewhere(name):
        return None

    async def read(kind: Kind) -> bytes | None:
        try:
            return await client.read(kind.path(namespace, name))
        except NotFound:
            return None

    answers = await asyncio.gather(*(read(kind) for kind in candidates), return_exceptions=True)
    found = []
    forbidden = None
    for kind, answer in zip(candidates, answers, strict=True):
        if isinstance(answer, Forbidden):
            forbidden = forbidden or answer
        elif isinstance(answer, BaseException):
            raise answer
        elif answer is not None:
            found.append((kind, answer))
    if len(found) > 1:
        having = [kind for kind, _ in found]
        raise Ambiguous(
            f"In {namespace}, {name} is {_in_row([f'a {kind.name}' for kind in having], 'and')}: "
            f"say {_in_row([f'{kind.name.lower()}/{name}' for kind in having], 'or')}."
        )
    if not found and forbidden is not None:
        raise forbidden
    return found[0] if found else None


def _in_row(words: list[str], last: str) -> str:
    return f"{', '.join(words[:-1])} {last} {words[-1]}"
