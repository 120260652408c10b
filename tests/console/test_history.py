"""The history of places."""

from leviathan_tui.actions.places import Place
from leviathan_tui.console.history import History


def test_back_and_forth_to_places_as_they_were_left() -> None:
    history = History(Place("apps"))
    assert history.here == Place("apps")
    history.open(Place("apps"))
    history.leave(Place("apps", filter="web"))
    history.open(Place("pods"))
    assert history.travel(-1)
    assert history.here == Place("apps", filter="web")
    assert not history.travel(-1)
    assert history.travel(1)
    assert history.here == Place("pods")
    assert not history.travel(1)


def test_opening_forgets_what_lay_ahead() -> None:
    history = History(Place("apps"))
    for view in ("apps", "pods", "events"):
        history.open(Place(view))
    history.travel(-1)
    history.travel(-1)
    history.open(Place("nodes"))
    assert not history.travel(1)
    assert history.travel(-1)
    assert history.here == Place("apps")


def test_opening_the_same_place_twice_is_one_entry() -> None:
    history = History(Place("apps"))
    history.open(Place("apps"))
    history.open(Place("apps"))
    assert not history.travel(-1)
