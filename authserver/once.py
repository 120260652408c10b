"""What has been said once already, in this process, and need not be said again."""


class Once:
    """Remembers what has been said, up to `most` things; says nothing of any beyond."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._said: set[str] = set()

    def is_new(self, thing: str) -> bool:
        """Whether `thing` is to be said; it is from then on taken as said."""
        if thing in self._said or len(self._said) >= self._most:
            return False
        self._said.add(thing)
        return True
