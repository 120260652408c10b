"""Where the user has been, and where in that they are."""

from leviathan_tui.actions.places import Place


class History:
    """Places in the order in which they were opened, with a position among them."""

    def __init__(self, start: Place) -> None:
        self._start = start
        self._places: list[Place] = []
        self._position = -1

    @property
    def here(self) -> Place:
        """The present place."""
        return self._places[self._position] if self._places else self._start

    def open(self, place: Place) -> None:
        """Make a place the newest, forgetting what lay ahead of the present one."""
        del self._places[self._position + 1 :]
        if not self._places or self._places[-1] != place:
            self._places.append(place)
        self._position = len(self._places) - 1

    def leave(self, place: Place) -> None:
        """Remember the present place as the user leaves it: with filter and cursor."""
        if self._places:
            self._places[self._position] = place

    def travel(self, step: int) -> bool:
        """Go back (-1) or forth (1); False at the ends."""
        target = self._position + step
        if not 0 <= target < len(self._places):
            return False
        self._position = target
        return True
