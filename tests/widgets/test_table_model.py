"""The table's order: whatever happens, it equals sorting and filtering anew."""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from leviathan_tui.widgets.table_model import TableModel


@dataclass(frozen=True)
class Item:
    rank: int
    name: str


def model() -> TableModel[Item]:
    return TableModel(lambda item: (item.rank, item.name))


def expected(rows: dict[str, Item], needle: str | None, reverse: bool) -> list[str]:
    shown = [key for key, row in rows.items() if needle is None or needle in row.name]
    return sorted(shown, key=lambda key: (rows[key].rank, rows[key].name, key), reverse=reverse)


items = st.builds(Item, st.integers(0, 2), st.sampled_from(["a", "ab", "b", "bc"]))
keys = st.sampled_from([f"k{n}" for n in range(12)])
steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.dictionaries(keys, items, max_size=4)),
        st.tuples(st.just("drop"), st.sets(keys, max_size=3)),
        st.tuples(st.just("filter"), st.sampled_from([None, "a", "b"])),
        st.tuples(st.just("reverse"), st.booleans()),
    ),
    max_size=25,
)


@settings(max_examples=300, deadline=None)
@given(steps)
def test_it_always_equals_sorting_anew(plan: list[tuple[str, object]]) -> None:
    table = model()
    rows: dict[str, Item] = {}
    needle: str | None = None
    reverse = False
    for what, argument in plan:
        if what == "put":
            assert isinstance(argument, dict)
            rows |= argument
            table.apply(argument.items(), ())
        elif what == "drop":
            assert isinstance(argument, set)
            for key in argument:
                rows.pop(key, None)
            table.apply((), argument)
        elif what == "filter":
            needle = argument if isinstance(argument, str) else None
            chosen = needle
            table.filter_by(
                None if chosen is None else lambda item, text=chosen: text in item.name  # type: ignore[misc]
            )
        else:
            reverse = bool(argument)
            table.order_by(lambda item: (item.rank, item.name), reverse)
        order = expected(rows, needle, reverse)
        assert table.keys() == order
        assert [table.index_of(key) for key in order] == list(range(len(order)))
        assert [table.key_at(index) for index in range(len(order))] == order
        assert (len(table), table.total) == (len(order), len(rows))


def test_held_rows_keep_their_places_until_released() -> None:
    table = model()
    table.apply([("x", Item(1, "a")), ("y", Item(1, "b")), ("z", Item(1, "c"))], ())
    table.held = True
    assert table.apply([("z", Item(0, "c"))], ()) is False
    assert table.keys() == ["x", "y", "z"]
    assert table.rows["z"].rank == 0
    table.apply([("w", Item(0, "0"))], ["x"])
    assert table.keys() == ["w", "y", "z"]
    assert table.release() is True
    assert table.keys() == ["w", "z", "y"]


def test_many_rows_at_once_take_the_same_places() -> None:
    one, many = model(), model()
    rows = {f"k{n}": Item(n % 3, f"n{n % 50}") for n in range(500)}
    for key, row in rows.items():
        one.apply([(key, row)], ())
    many.apply(rows.items(), ())
    assert one.keys() == many.keys()
