"""What the configuration of a context forbids, whatever the cluster would allow."""

from leviathan_tui.backend.changes.refusals import Guarded
from leviathan_tui.backend.config import GuardConfig


class Guard:
    """The guard of one context."""

    def __init__(self, config: GuardConfig, context: str) -> None:
        self._config = config
        self._context = context

    @property
    def types_the_name(self) -> bool:
        """Whether a change is confirmed by typing the object's name."""
        return self._config.confirm == "type-the-name"

    def check(self, verb: str, not_done: str, namespace: str) -> None:
        """Raise `Guarded` for a verb that is forbidden in this context.

        A rule of `deny` is a verb, or `verb:namespace`, or `*:namespace`.
        """
        if self._config.read_only:
            raise Guarded(f"{not_done}: your configuration makes {self._context} read-only.")
        for rule in self._config.deny:
            denied, _, where = rule.partition(":")
            if denied in (verb, "*") and where in ("", namespace):
                raise Guarded(f"{not_done}: your configuration denies “{rule}” in {self._context}.")

    def check_count(self, count: int) -> None:
        """Raise `Guarded` for more objects than may be changed at once."""
        most = self._config.max_bulk
        if most and count > most:
            raise Guarded(
                f"Nothing was done: {count} objects are marked, and your configuration allows "
                f"{most} at once in {self._context}."
            )
